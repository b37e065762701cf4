// SPDX-License-Identifier: Apache-2.0
package org.apache.rocketmq.test.base;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.rocketmq.broker.BrokerController;
import org.apache.rocketmq.client.consumer.MQPullConsumer;
import org.apache.rocketmq.client.consumer.MQPushConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.MQProducer;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.attribute.CQType;
import org.apache.rocketmq.common.attribute.TopicMessageType;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.namesrv.NamesrvController;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.netty.NettyServerConfig;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.admin.TopicOffset;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.store.MessageStore;
import org.apache.rocketmq.store.config.MessageStoreConfig;
import org.apache.rocketmq.test.client.rmq.RMQAsyncSendProducer;
import org.apache.rocketmq.test.client.rmq.RMQNormalConsumer;
import org.apache.rocketmq.test.client.rmq.RMQNormalProducer;
import org.apache.rocketmq.test.client.rmq.RMQTransactionalProducer;
import org.apache.rocketmq.test.clientinterface.AbstractMQConsumer;
import org.apache.rocketmq.test.clientinterface.AbstractMQProducer;
import org.apache.rocketmq.test.factory.ConsumerFactory;
import org.apache.rocketmq.test.listener.AbstractListener;
import org.apache.rocketmq.test.util.MQAdminTestUtils;
import org.apache.rocketmq.test.util.MQRandomUtils;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.apache.rocketmq.tools.admin.MQAdminExt;
import suite.RemoteBrokerConfig;
import suite.RemoteStoreConfig;

/**
 * Stands in for the suite's own base class, which starts a NameServer and three Brokers inside the test process. This
 * one points the same tests at servers that run already; their addresses come in system properties:
 * suite.namesrv=host:port and suite.brokers=name@host:port,... of the cluster suite.cluster.
 *
 * The broker controllers that tests ask for names and addresses exist, but are never initialized; their stores answer
 * what mqadmin can find out, and what is set in their settings is set in the broker. A test that reaches deeper into a broker fails.
 */
public class BaseConf {
    public static final String NAMESRV_ADDR = System.getProperty("suite.namesrv");
    protected static final String CLUSTER_NAME = System.getProperty("suite.cluster", "DefaultCluster");
    protected static final String BROKER1_NAME;
    protected static final String BROKER2_NAME;
    protected static final String BROKER3_NAME;
    protected static final int BROKER_NUM = 3;
    protected static final int WAIT_TIME = 5;
    protected static final int CONSUME_TIME = 2 * 60 * 1000;
    protected static final int QUEUE_NUMBERS = 8;
    protected static NamesrvController namesrvController;
    protected static BrokerController brokerController1;
    protected static BrokerController brokerController2;
    protected static BrokerController brokerController3;
    protected static List<BrokerController> brokerControllerList;
    protected static Map<String, BrokerController> brokerControllerMap = new LinkedHashMap<>();
    protected static List<Object> mqClients = new CopyOnWriteArrayList<>();
    protected static boolean debug = false;

    private static final long DISPATCH_POLL_MS = 50;
    private static final long DISPATCH_PATIENCE_MS = 30_000;  // asking takes its time on a busy machine
    private static DefaultMQAdminExt observer;

    static {
        System.setProperty(RemotingCommand.REMOTING_VERSION_KEY, Integer.toString(MQVersion.CURRENT_VERSION));
        for (String broker : System.getProperty("suite.brokers").split(",")) {
            String[] nameAndAddress = broker.split("@");
            brokerControllerMap.put(nameAndAddress[0], controller(nameAndAddress[0], nameAndAddress[1].split(":")));
        }
        brokerControllerList = Collections.unmodifiableList(new ArrayList<>(brokerControllerMap.values()));
        brokerController1 = brokerControllerList.get(0);
        brokerController2 = brokerControllerList.get(1);
        brokerController3 = brokerControllerList.get(2);
        BROKER1_NAME = brokerController1.getBrokerConfig().getBrokerName();
        BROKER2_NAME = brokerController2.getBrokerConfig().getBrokerName();
        BROKER3_NAME = brokerController3.getBrokerConfig().getBrokerName();
        IntegrationTestBase.initMQAdmin(NAMESRV_ADDR);
    }

    private static BrokerController controller(String name, String[] hostAndPort) {
        String address = hostAndPort[0] + ":" + hostAndPort[1];
        BrokerConfig config = new RemoteBrokerConfig(NAMESRV_ADDR, address);
        config.setBrokerName(name);
        config.setBrokerClusterName(CLUSTER_NAME);
        config.setBrokerIP1(hostAndPort[0]);
        config.setNamesrvAddr(NAMESRV_ADDR);
        config.setListenPort(Integer.parseInt(hostAndPort[1]));
        NettyServerConfig server = new NettyServerConfig();
        server.setListenPort(config.getListenPort());
        MessageStoreConfig store = new RemoteStoreConfig(NAMESRV_ADDR, address);
        store.setStorePathRootDir(System.getProperty("java.io.tmpdir") + "/" + name);
        MessageStore asked = askedByMqadmin(address);
        return new BrokerController(config, server, new NettyClientConfig(), store) {
            @Override
            public MessageStore getMessageStore() {
                return asked;
            }
        };
    }

    /** A store whose positions are asked of the broker at `address`; everything else of it is in another process. */
    private static MessageStore askedByMqadmin(String address) {
        return (MessageStore) Proxy.newProxyInstance(BaseConf.class.getClassLoader(),
            new Class<?>[] {MessageStore.class}, (proxy, method, arguments) -> {
                switch (method.getName()) {
                    case "dispatchBehindBytes":
                        return Long.parseLong(
                            observer().fetchBrokerRuntimeStats(address).getTable().get("dispatchBehindBytes"));
                    case "getMaxOffsetInQueue":
                        for (Map.Entry<MessageQueue, TopicOffset> each : observer()
                            .examineTopicStats(address, (String) arguments[0]).getOffsetTable().entrySet()) {
                            if (each.getKey().getQueueId() == (Integer) arguments[1]) {
                                return each.getValue().getMaxOffset();
                            }
                        }
                        return 0L;
                    default:
                        throw new UnsupportedOperationException(method + " of a broker in another process");
                }
            });
    }

    /** Asks the brokers what tests want to know of them; lives as long as the process, and is no client of a test. */
    private static synchronized DefaultMQAdminExt observer() throws MQClientException {
        if (observer == null) {
            DefaultMQAdminExt admin = new DefaultMQAdminExt(10_000);
            admin.setNamesrvAddr(NAMESRV_ADDR);
            admin.setInstanceName("observer");
            admin.start();
            observer = admin;
        }
        return observer;
    }

    /** Returns once the NameServer shows as many brokers of the cluster as `expectedBrokerNum`. */
    public static void waitBrokerRegistered(String nsAddr, String clusterName, int expectedBrokerNum) {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(500);
        admin.setNamesrvAddr(nsAddr);
        try {
            admin.start();
            for (long end = System.currentTimeMillis() + 30_000; System.currentTimeMillis() < end; Thread.sleep(100)) {
                Set<String> names = admin.examineBrokerClusterInfo().getClusterAddrTable().get(clusterName);
                if (names != null && names.size() == expectedBrokerNum) {
                    return;
                }
            }
            throw new AssertionError("the cluster " + clusterName + " did not get " + expectedBrokerNum + " brokers");
        } catch (Exception e) {
            throw new AssertionError(e);
        } finally {
            admin.shutdown();
        }
    }

    /** Whether every broker has indexed all it has stored, within `timeMs`, or longer where brokers are far away. */
    public boolean awaitDispatchMs(long timeMs) throws Exception {
        for (long end = System.currentTimeMillis() + Math.max(timeMs, DISPATCH_PATIENCE_MS);
             System.currentTimeMillis() < end; Thread.sleep(DISPATCH_POLL_MS)) {
            long behind = 0;
            for (BrokerController broker : brokerControllerList) {
                behind += broker.getMessageStore().dispatchBehindBytes();
            }
            if (behind == 0) {
                return true;
            }
        }
        return false;
    }

    public static String initTopic() {
        return initTopicWithName(MQRandomUtils.getRandomTopic());
    }

    public static String initTopic(TopicMessageType type) {
        return initTopicWithName(MQRandomUtils.getRandomTopic(), type);
    }

    public static String initTopicOnSampleTopicBroker(String sampleTopicBroker) {
        return initTopicOnSampleTopicBroker(MQRandomUtils.getRandomTopic(), sampleTopicBroker);
    }

    public static String initTopicOnSampleTopicBroker(String sampleTopicBroker, TopicMessageType type) {
        return initTopicOnSampleTopicBroker(MQRandomUtils.getRandomTopic(), sampleTopicBroker, type);
    }

    public static String initTopicWithName(String topicName) {
        IntegrationTestBase.initTopic(topicName, NAMESRV_ADDR, CLUSTER_NAME, CQType.SimpleCQ);
        return topicName;
    }

    public static String initTopicWithName(String topicName, TopicMessageType type) {
        IntegrationTestBase.initTopic(topicName, NAMESRV_ADDR, CLUSTER_NAME, type);
        return topicName;
    }

    public static String initTopicOnSampleTopicBroker(String topicName, String sampleTopicBroker) {
        IntegrationTestBase.initTopic(topicName, NAMESRV_ADDR, sampleTopicBroker, CQType.SimpleCQ);
        return topicName;
    }

    public static String initTopicOnSampleTopicBroker(String topicName, String sampleTopicBroker,
                                                      TopicMessageType type) {
        IntegrationTestBase.initTopic(topicName, NAMESRV_ADDR, sampleTopicBroker, type);
        return topicName;
    }

    public static String initConsumerGroup() {
        return initConsumerGroup(MQRandomUtils.getRandomConsumerGroup());
    }

    public static String initConsumerGroup(String group) {
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        return initConsumerGroup(config);
    }

    public static String initConsumerGroup(SubscriptionGroupConfig config) {
        MQAdminTestUtils.createSub(NAMESRV_ADDR, CLUSTER_NAME, config);
        return config.getGroupName();
    }

    public static DefaultMQAdminExt getAdmin(String nsAddr) {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(3000);
        admin.setNamesrvAddr(nsAddr);
        admin.setPollNameServerInterval(100);
        return kept(admin);
    }

    public static RMQNormalProducer getProducer(String nsAddr, String topic) {
        return getProducer(nsAddr, topic, false);
    }

    public static RMQNormalProducer getProducer(String nsAddr, String topic, boolean useTls) {
        return kept(new RMQNormalProducer(nsAddr, topic, useTls));
    }

    public static RMQNormalProducer getProducer(String nsAddr, String topic, String group, String instance) {
        return kept(new RMQNormalProducer(nsAddr, topic, group, instance));
    }

    public static RMQTransactionalProducer getTransactionalProducer(String nsAddr, String topic,
                                                                    TransactionListener listener) {
        return kept(new RMQTransactionalProducer(nsAddr, topic, false, listener));
    }

    public static RMQAsyncSendProducer getAsyncProducer(String nsAddr, String topic) {
        return kept(new RMQAsyncSendProducer(nsAddr, topic));
    }

    public static RMQNormalConsumer getConsumer(String nsAddr, String topic, String expression,
                                                AbstractListener listener) {
        return getConsumer(nsAddr, topic, expression, listener, false);
    }

    public static RMQNormalConsumer getConsumer(String nsAddr, String topic, String expression,
                                                AbstractListener listener, boolean useTls) {
        return getConsumer(nsAddr, initConsumerGroup(), topic, expression, listener, useTls);
    }

    public static RMQNormalConsumer getConsumer(String nsAddr, String group, String topic, String expression,
                                                AbstractListener listener) {
        return getConsumer(nsAddr, group, topic, expression, listener, false);
    }

    public static RMQNormalConsumer getConsumer(String nsAddr, String group, String topic, String expression,
                                                AbstractListener listener, boolean useTls) {
        return kept(ConsumerFactory.getRMQNormalConsumer(nsAddr, group, topic, expression, listener, useTls));
    }

    private static <T> T kept(T client) {
        mqClients.add(client);
        return client;
    }

    public static Set<String> getBrokers() {
        return new HashSet<>(Arrays.asList(BROKER1_NAME, BROKER2_NAME, BROKER3_NAME));
    }

    public static void shutdown() {
        List<Object> clients = new ArrayList<>(mqClients);
        mqClients.clear();
        shutdown(clients);
    }

    /** Ends the clients side by side and does not wait for them: some take seconds. */
    public static void shutdown(List<Object> clients) {
        for (Object client : new ArrayList<>(clients)) {
            Thread closer = new Thread(() -> close(client));
            closer.setDaemon(true);
            closer.start();
        }
    }

    private static void close(Object client) {
        if (client instanceof AbstractMQProducer) {
            ((AbstractMQProducer) client).shutdown();
        } else if (client instanceof AbstractMQConsumer) {
            ((AbstractMQConsumer) client).shutdown();
        } else if (client instanceof MQAdminExt) {
            ((MQAdminExt) client).shutdown();
        } else if (client instanceof MQProducer) {
            ((MQProducer) client).shutdown();
        } else if (client instanceof MQPullConsumer) {
            ((MQPullConsumer) client).shutdown();
        } else if (client instanceof MQPushConsumer) {
            ((MQPushConsumer) client).shutdown();
        }
    }
}
