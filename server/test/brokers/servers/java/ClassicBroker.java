import java.io.File;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;
import org.apache.activemq.store.SharedFileLocker;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/**
 * One ActiveMQ Classic broker, of any version from 5.17 to 6.3, without the fixed ports of its own configuration.
 * Arguments are key=value: name, data, connector (repeatable), user, password, storeMb, memoryMb, fullFails, scheduler.
 */
public class ClassicBroker {
  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new HashMap<>();
    List<String> connectors = new ArrayList<>();
    for (String argument : arguments) {
      String key = argument.substring(0, argument.indexOf('='));
      String value = argument.substring(key.length() + 1);
      if (key.equals("connector")) connectors.add(value);
      else options.put(key, value);
    }
    File data = new File(options.get("data"));
    BrokerService broker = new BrokerService();
    broker.setBrokerName(options.get("name"));
    broker.setUseJmx(false);
    broker.setAdvisorySupport(false);
    broker.setSchedulerSupport(options.getOrDefault("scheduler", "false").equals("true"));
    broker.setDataDirectoryFile(data);
    broker.setTmpDataDirectory(new File(data, "tmp-" + options.get("name")));
    KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
    store.setDirectory(new File(data, "kahadb"));
    store.setJournalDiskSyncStrategy("always");
    SharedFileLocker locker = new SharedFileLocker();
    // How soon a waiting second broker on the same folder notices that the first is dead; 10 s by default.
    locker.setLockAcquireSleepInterval(500);
    store.setLocker(locker);
    broker.setPersistenceAdapter(store);
    broker.getSystemUsage().getMemoryUsage().setLimit(megabytes(options.getOrDefault("memoryMb", "128")));
    broker.getSystemUsage().getStoreUsage().setLimit(megabytes(options.getOrDefault("storeMb", "1024")));
    broker.getSystemUsage().getTempUsage().setLimit(megabytes("256"));
    if (options.getOrDefault("fullFails", "false").equals("true")) broker.getSystemUsage().setSendFailIfNoSpace(true);
    if (options.containsKey("user")) {
      AuthenticationUser user = new AuthenticationUser(options.get("user"), options.get("password"), "users,admins");
      broker.setPlugins(new BrokerPlugin[] {new SimpleAuthenticationPlugin(List.of(user))});
    }
    for (String connector : connectors) broker.addConnector(connector);
    broker.start();
    broker.waitUntilStarted();
    System.out.println("READY " + broker.getBrokerName());
    broker.waitUntilStopped();
  }

  private static long megabytes(String number) {
    return Long.parseLong(number) << 20;
  }
}
