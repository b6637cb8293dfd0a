import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.DeliveryMode;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.ObjectMessage;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import jakarta.jms.StreamMessage;
import jakarta.jms.TextMessage;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;

/**
 * A JMS client as other programs have it. Arguments: send|receive, core|qpid|openwire, url, user, password, queue, and
 * for receive the number of messages, printed as one line of JSON each; for send the kinds of message, one each.
 */
public class Interop {
  public static void main(String[] arguments) throws Exception {
    ConnectionFactory factory = factory(arguments[1], arguments[2]);
    try (Connection connection = factory.createConnection(arguments[3], arguments[4])) {
      connection.start();
      Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
      Queue queue = session.createQueue(arguments[5]);
      if (arguments[0].equals("send")) {
        for (int at = 6; at < arguments.length; at++) send(session, queue, arguments[at]);
      } else {
        receive(session, queue, Integer.parseInt(arguments[6]));
      }
    }
    // Clients leave threads behind.
    System.exit(0);
  }

  private static ConnectionFactory factory(String kind, String url) {
    switch (kind) {
      case "core":
        return new org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory(url);
      case "qpid":
        return new org.apache.qpid.jms.JmsConnectionFactory(url);
      default:
        return new org.apache.activemq.ActiveMQConnectionFactory(url);
    }
  }

  private static void send(Session session, Queue queue, String kind) throws Exception {
    MessageProducer producer = session.createProducer(queue);
    producer.setDeliveryMode(DeliveryMode.PERSISTENT);
    producer.setPriority(7);
    Message message = make(session, kind);
    message.setJMSCorrelationID("correlation-1");
    message.setJMSType("order");
    message.setStringProperty("SOAPAction", "urn:placeOrder");
    // Brokers turn what OpenWire sends beyond the first 65,536 characters into something else for AMQP, in properties.
    message.setStringProperty("text", "Grüße");
    message.setIntProperty("anInt", -7);
    message.setLongProperty("aLong", 5_000_000_000L);
    message.setDoubleProperty("aDouble", 0.5);
    message.setBooleanProperty("aBoolean", true);
    producer.send(message);
  }

  private static Message make(Session session, String kind) throws Exception {
    switch (kind) {
      case "text":
        return session.createTextMessage("<order>Grüße 🚀</order>");
      case "bytes": {
        BytesMessage message = session.createBytesMessage();
        for (int value = 0; value < 256; value++) message.writeByte((byte) value);
        return message;
      }
      case "map": {
        MapMessage message = session.createMapMessage();
        message.setString("symbol", "IBM");
        message.setInt("quantity", 7);
        message.setDouble("price", 12.5);
        return message;
      }
      case "stream": {
        StreamMessage message = session.createStreamMessage();
        message.writeString("IBM");
        message.writeInt(7);
        return message;
      }
      case "object":
        return session.createObjectMessage(new ArrayList<>(List.of("IBM", 7)));
      default:
        return session.createMessage();
    }
  }

  private static void receive(Session session, Queue queue, int number) throws Exception {
    MessageConsumer consumer = session.createConsumer(queue);
    for (int index = 0; index < number; index++) {
      Message message = consumer.receive(10_000);
      if (message == null) throw new IllegalStateException("only " + index + " messages came");
      System.out.println(describe(message));
    }
  }

  private static String describe(Message message) throws Exception {
    StringBuilder out = new StringBuilder("{");
    if (message instanceof TextMessage) {
      field(out, "kind", "text");
      field(out, "text", ((TextMessage) message).getText());
    } else if (message instanceof BytesMessage) {
      BytesMessage bytes = (BytesMessage) message;
      byte[] body = new byte[(int) bytes.getBodyLength()];
      bytes.readBytes(body);
      field(out, "kind", "bytes");
      field(out, "base64", Base64.getEncoder().encodeToString(body));
    } else if (message instanceof MapMessage) {
      field(out, "kind", "map");
      MapMessage map = (MapMessage) message;
      for (Object name : Collections.list(map.getMapNames())) field(out, "map." + name, typed(map.getObject((String) name)));
    } else if (message instanceof ObjectMessage) {
      field(out, "kind", "object");
    } else if (message instanceof StreamMessage) {
      field(out, "kind", "stream");
    } else {
      field(out, "kind", "empty");
    }
    field(out, "id", message.getJMSMessageID());
    field(out, "correlationId", message.getJMSCorrelationID());
    field(out, "type", message.getJMSType());
    field(out, "priority", String.valueOf(message.getJMSPriority()));
    field(out, "persistent", String.valueOf(message.getJMSDeliveryMode() == DeliveryMode.PERSISTENT));
    field(out, "timestamp", String.valueOf(message.getJMSTimestamp()));
    field(out, "expires", String.valueOf(message.getJMSExpiration() > 0));
    field(out, "deliveryCount", String.valueOf(message.getIntProperty("JMSXDeliveryCount")));
    field(out, "group", message.getStringProperty("JMSXGroupID"));
    for (Object name : Collections.list(message.getPropertyNames()))
      field(out, "property." + name, typed(message.getObjectProperty((String) name)));
    return out.append("}").toString();
  }

  private static String typed(Object value) {
    return value == null ? null : value.getClass().getSimpleName() + " " + value;
  }

  private static void field(StringBuilder out, String name, String value) {
    if (value == null) return;
    if (out.length() > 1) out.append(",");
    out.append(quoted(name)).append(":").append(quoted(value));
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < 0x20 || c > 0x7e) out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append("\"").toString();
  }
}
