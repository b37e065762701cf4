// SPDX-License-Identifier: Apache-2.0
package suite;

import java.util.Properties;
import org.apache.rocketmq.common.BrokerConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Settings of a broker in another process: what tests change here is changed there, as an operator would. */
public final class RemoteBrokerConfig extends BrokerConfig {
    private final String namesrv;
    private final String address;

    public RemoteBrokerConfig(String namesrv, String address) {
        this.namesrv = namesrv;
        this.address = address;
    }

    @Override
    public void setPopFromRetryProbabilityForPriority(int value) {
        super.setPopFromRetryProbabilityForPriority(value);
        change("popFromRetryProbabilityForPriority", value);
    }

    @Override
    public void setUseSeparateRetryQueue(boolean value) {
        super.setUseSeparateRetryQueue(value);
        change("useSeparateRetryQueue", value);
    }

    @Override
    public void setPopConsumerKVServiceEnable(boolean value) {
        super.setPopConsumerKVServiceEnable(value);
        change("popConsumerKVServiceEnable", value);
    }

    @Override
    public void setPriorityOrderAsc(boolean value) {
        super.setPriorityOrderAsc(value);
        change("priorityOrderAsc", value);
    }

    @Override
    public void setUseServerSideResetOffset(boolean value) {
        super.setUseServerSideResetOffset(value);
        change("useServerSideResetOffset", value);
    }

    @Override
    public void setEnablePopBufferMerge(boolean value) {
        super.setEnablePopBufferMerge(value);
        change("enablePopBufferMerge", value);
    }

    @Override
    public void setLongPollingEnable(boolean value) {
        super.setLongPollingEnable(value);
        change("longPollingEnable", value);
    }

    @Override
    public void setShortPollingTimeMills(long value) {
        super.setShortPollingTimeMills(value);
        change("shortPollingTimeMills", value);
    }

    @Override
    public void setEstimateAccumulation(boolean value) {
        super.setEstimateAccumulation(value);
        change("estimateAccumulation", value);
    }

    @Override
    public void setEnableSingleTopicRegister(boolean value) {
        super.setEnableSingleTopicRegister(value);
        change("enableSingleTopicRegister", value);
    }

    @Override
    public void setEnableSplitRegistration(boolean value) {
        super.setEnableSplitRegistration(value);
        change("enableSplitRegistration", value);
    }

    private void change(String key, Object value) {
        change(namesrv, address, key, value);
    }

    /** Changes one setting of the broker at `address`. */
    static void change(String namesrv, String address, String key, Object value) {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(5000);
        admin.setNamesrvAddr(namesrv);
        try {
            admin.start();
            Properties changed = new Properties();
            changed.setProperty(key, value.toString());
            admin.updateBrokerConfig(address, changed);
        } catch (Exception e) {
            throw new AssertionError("the broker at " + address + " does not take " + key + "=" + value, e);
        } finally {
            admin.shutdown();
        }
    }
}
