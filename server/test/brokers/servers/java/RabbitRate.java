import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.MessageProperties;
import java.util.Locale;
import java.util.NavigableSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How many messages a second RabbitMQ's own client publishes, each confirmed, and then takes, each acknowledged.
 * Arguments: port, user, password, queue, messages in flight, seconds. Prints "sent RATE" and "taken RATE".
 */
public class RabbitRate {
  private static final byte[] BODY = "x".repeat(500).getBytes();
  private static final int WARM_UP_MS = 2000;

  public static void main(String[] arguments) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setHost("127.0.0.1");
    factory.setPort(Integer.parseInt(arguments[0]));
    factory.setUsername(arguments[1]);
    factory.setPassword(arguments[2]);
    String queue = arguments[3];
    int inFlight = Integer.parseInt(arguments[4]);
    long milliseconds = Math.round(Double.parseDouble(arguments[5]) * 1000);
    try (Connection connection = factory.newConnection()) {
      connection.createChannel().queueDeclare(queue, true, false, false, null);
      int sent = send(connection, queue, inFlight, milliseconds);
      take(connection, queue, inFlight, sent);
    }
  }

  private static int send(Connection connection, String queue, int inFlight, long milliseconds) throws Exception {
    Channel channel = connection.createChannel();
    channel.confirmSelect();
    Semaphore room = new Semaphore(inFlight);
    AtomicLong confirmed = new AtomicLong();
    NavigableSet<Long> unconfirmed = new ConcurrentSkipListSet<>();
    channel.addConfirmListener(
        (tag, multiple) -> {
          int count = 0;
          if (multiple) while (!unconfirmed.isEmpty() && unconfirmed.first() <= tag) count += unconfirmed.pollFirst() == null ? 0 : 1;
          else count = unconfirmed.remove(tag) ? 1 : 0;
          confirmed.addAndGet(count);
          room.release(count);
        },
        (tag, multiple) -> {
          System.err.println("not confirmed: " + tag);
          System.exit(1);
        });
    long began = System.nanoTime();
    long from = 0;
    long counted = -1;
    int sent = 0;
    for (; ; sent++) {
      long passed = (System.nanoTime() - began) / 1_000_000;
      if (counted < 0 && passed >= WARM_UP_MS) {
        counted = confirmed.get();
        from = System.nanoTime();
      }
      if (passed >= WARM_UP_MS + milliseconds) break;
      room.acquire();
      unconfirmed.add(channel.getNextPublishSeqNo());
      channel.basicPublish("", queue, true, MessageProperties.PERSISTENT_TEXT_PLAIN, BODY);
    }
    print("sent", confirmed.get() - counted, from);
    room.acquire(inFlight);
    channel.close();
    return sent;
  }

  /** The first quarter warms up. */
  private static void take(Connection connection, String queue, int inFlight, int total) throws Exception {
    Channel channel = connection.createChannel();
    channel.basicQos(inFlight);
    CountDownLatch left = new CountDownLatch(total);
    int warm = total / 4;
    long[] from = {0};
    channel.basicConsume(
        queue,
        false,
        new DefaultConsumer(channel) {
          @Override
          public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body)
              throws java.io.IOException {
            channel.basicAck(envelope.getDeliveryTag(), false);
            left.countDown();
            if (left.getCount() == total - warm) from[0] = System.nanoTime();
          }
        });
    left.await();
    print("taken", total - warm, from[0]);
  }

  private static void print(String what, long count, long from) {
    System.out.printf(Locale.ROOT, "%s %.0f%n", what, count * 1e9 / (System.nanoTime() - from));
  }
}
