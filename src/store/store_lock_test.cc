// SPDX-License-Identifier: Apache-2.0
#include "store/store_lock.h"

#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/checkpoint.h"

#include <filesystem>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace rmq;
using namespace rmq::store;
using rmq::testing::TempDir;

namespace {

// A child that holds a classic POSIX lock on byte 0, as the original's FileChannel.tryLock does.
class LockingChild {
public:
    explicit LockingChild(const std::string& path) {
        int ready[2] = {-1, -1};
        REQUIRE(::pipe(ready) == 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0644);
            struct flock region {};
            region.l_type = F_WRLCK;
            region.l_whence = SEEK_SET;
            region.l_len = 1;
            const char ok = ::fcntl(fd, F_SETLK, &region) == 0 ? 'y' : 'n';
            [[maybe_unused]] const auto written = ::write(ready[1], &ok, 1);
            ::pause();
            ::_exit(0);
        }
        char answer = 'n';
        REQUIRE(::read(ready[0], &answer, 1) == 1);
        CHECK(answer == 'y');
        ::close(ready[0]);
        ::close(ready[1]);
    }
    ~LockingChild() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }

private:
    pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("StoreLock: a store locked by another process is refused by name", "[store][K-05]") {
    const TempDir dir;
    StoreLock lock;
    {
        const LockingChild child(dir.file("lock"));
        const auto status = lock.acquire(dir.path());
        REQUIRE_FALSE(status);
        CHECK(status.error().code == Errc::kBusy);
        CHECK(status.error().remark.find(std::to_string(child.pid())) != std::string::npos);
    }
    CHECK(lock.acquire(dir.path()));
}

TEST_CASE("StoreLock: holds against this process too, until released", "[store][K-05]") {
    const TempDir dir;
    StoreLock first;
    REQUIRE(first.acquire(dir.path()));
    CHECK(*read_file(dir.file("lock")) == "lock");
    StoreLock second;
    const auto status = second.acquire(dir.path());
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kBusy);
    first.release();
    CHECK(second.acquire(dir.path()));
}

TEST_CASE("AbortFile: holds the process id beside an empty abort.bak", "[store][K-05]") {
    const TempDir dir;
    AbortFile abort(dir.path());
    CHECK_FALSE(abort.exists());
    REQUIRE(abort.create());
    CHECK(abort.exists());
    CHECK(*read_file(dir.file("abort")) == std::to_string(::getpid()));
    CHECK(read_file(dir.file("abort.bak"))->empty());
    REQUIRE(abort.remove());
    CHECK_FALSE(abort.exists());
    CHECK(std::filesystem::exists(dir.file("abort.bak")));
}

TEST_CASE("StoreCheckpoint: six numbers, and ours behind them, in 4096 bytes", "[store][K-03]") {
    const TempDir dir;
    StoreCheckpoint checkpoint(dir.file("checkpoint"));
    REQUIRE(checkpoint.load());
    CHECK(checkpoint.min_timestamp(false) == 0);
    checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, 10'000);
    checkpoint.set(StoreCheckpoint::kLogicsMsgTimestamp, 9'000);
    checkpoint.set(StoreCheckpoint::kIndexMsgTimestamp, 5'000);
    checkpoint.set(StoreCheckpoint::kLogicsPhysicalOffset, 0x0102030405060708);
    REQUIRE(checkpoint.flush());

    const auto text = read_file(dir.file("checkpoint"));
    REQUIRE(text);
    CHECK(text->size() == 4096);
    CHECK(text->substr(40, 8) == "\x01\x02\x03\x04\x05\x06\x07\x08");
    CHECK(text->find_first_not_of('\0', 64) == std::string::npos);

    StoreCheckpoint again(dir.file("checkpoint"));
    REQUIRE(again.load());
    CHECK(again.get(StoreCheckpoint::kPhysicMsgTimestamp) == 10'000);
    CHECK(again.min_timestamp(false) == 6'000);
    CHECK(again.min_timestamp(true) == 2'000);
}

TEST_CASE("StoreCheckpoint: the flushed position counts until another program writes the file",
          "[store][K-03]") {
    const TempDir dir;
    StoreCheckpoint checkpoint(dir.file("checkpoint"));
    checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, 10'000);
    checkpoint.set(StoreCheckpoint::kFlushedPhysicalOffset, 4711);
    REQUIRE(checkpoint.flush());
    StoreCheckpoint again(dir.file("checkpoint"));
    REQUIRE(again.load());
    CHECK(again.get(StoreCheckpoint::kFlushedPhysicalOffset) == 4711);
    std::string text = *read_file(dir.file("checkpoint"));
    text[7] = 0x11;  // the original wrote a later time
    REQUIRE(write_file(dir.file("checkpoint"), text));
    REQUIRE(again.load());
    CHECK(again.get(StoreCheckpoint::kPhysicMsgTimestamp) == 10'001);
    CHECK(again.get(StoreCheckpoint::kFlushedPhysicalOffset) == 0);
}

TEST_CASE("StoreCheckpoint: a short file reads as zeros", "[store][K-03]") {
    const TempDir dir;
    REQUIRE(write_file(dir.file("checkpoint"), "abc"));
    StoreCheckpoint checkpoint(dir.file("checkpoint"));
    REQUIRE(checkpoint.load());
    CHECK(checkpoint.min_timestamp(true) == 0);
}
