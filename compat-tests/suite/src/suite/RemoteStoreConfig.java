// SPDX-License-Identifier: Apache-2.0
package suite;

import org.apache.rocketmq.store.config.MessageStoreConfig;

/** Settings of a store in another process, as RemoteBrokerConfig. */
public final class RemoteStoreConfig extends MessageStoreConfig {
    private final String namesrv;
    private final String address;

    public RemoteStoreConfig(String namesrv, String address) {
        this.namesrv = namesrv;
        this.address = address;
    }

    @Override
    public void setAppendTopicForTimerDeleteKey(boolean value) {
        super.setAppendTopicForTimerDeleteKey(value);
        RemoteBrokerConfig.change(namesrv, address, "appendTopicForTimerDeleteKey", value);
    }
}
