import jakarta.jms.Connection;
import jakarta.jms.DeliveryMode;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * How many durable messages a second the Core client of Artemis sends, each confirmed, each with an id by which the broker
 * drops a second copy. One connection, and a thread with a session for each message in flight, as its users have it.
 * Arguments: url, user, password, queue, messages in flight, seconds. Prints "sent RATE".
 */
public class CoreRate {
  private static final String BODY = "x".repeat(500);
  private static final int WARM_UP_MS = 2000;
  private static final int QUIET_MS = 800;

  public static void main(String[] arguments) throws Exception {
    int inFlight = Integer.parseInt(arguments[4]);
    long milliseconds = Math.round(Double.parseDouble(arguments[5]) * 1000);
    AtomicLong sent = new AtomicLong();
    AtomicBoolean over = new AtomicBoolean();
    Thread[] threads = new Thread[inFlight];
    try (ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(arguments[0]);
        Connection connection = factory.createConnection(arguments[1], arguments[2])) {
      for (int number = 0; number < inFlight; number++) {
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(arguments[3]));
        producer.setDeliveryMode(DeliveryMode.PERSISTENT);
        threads[number] = new Thread(() -> send(session, producer, sent, over));
        threads[number].start();
      }
      Thread.sleep(WARM_UP_MS);
      long before = sent.get();
      long began = System.nanoTime();
      Thread.sleep(milliseconds);
      double seconds = (System.nanoTime() - began) / 1e9;
      System.out.printf(Locale.ROOT, "sent %.0f%n", (sent.get() - before) / seconds);
      over.set(true);
      for (Thread thread : threads) thread.join();
      empty(connection, arguments[3]);
    }
  }

  /** A broker with much in its queues is slower for whoever comes next. */
  private static void empty(Connection connection, String queue) throws Exception {
    Session session = connection.createSession(false, Session.DUPS_OK_ACKNOWLEDGE);
    connection.start();
    MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
    while (consumer.receive(QUIET_MS) != null) {}
  }

  private static void send(Session session, MessageProducer producer, AtomicLong sent, AtomicBoolean over) {
    try {
      while (!over.get()) {
        TextMessage message = session.createTextMessage(BODY);
        message.setStringProperty("_AMQ_DUPL_ID", UUID.randomUUID().toString());
        producer.send(message);
        sent.incrementAndGet();
      }
    } catch (Exception thrown) {
      thrown.printStackTrace();
      System.exit(1);
    }
  }
}
