#include "src/journal/journal_writer.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "src/base/check.h"

namespace warpwright::journal {
namespace {

// Signals are for the thread that waits: Ctrl-C must end its poll.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::start(Journal& journal) {
  const int written_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (written_fd < 0) return infrastructure_error(fmt::format("eventfd: {}", std::strerror(errno)));
  std::unique_ptr<JournalWriter> writer(new JournalWriter(journal, written_fd));
  const SignalsBlocked blocked;  // the thread inherits it
  try {
    writer->thread_ = std::thread([w = writer.get()] { w->work(); });
  } catch (const std::system_error& e) {
    return infrastructure_error(fmt::format("no thread can be started to write the journal: {}", e.what()));
  }
  return writer;
}

JournalWriter::~JournalWriter() {
  if (thread_.joinable()) {
    (void)finish();
    {
      const std::lock_guard lock(mutex_);
      phase_ = Phase::kEnding;
    }
    changed_.notify_all();
    thread_.join();
  }
  ::close(written_fd_);
}

void JournalWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return phase_ == Phase::kWriting || phase_ == Phase::kEnding; });
    if (phase_ == Phase::kEnding) return;
    lock.unlock();
    auto result = journal_.append_hashed(batch_.events, batch_.unix_ms, batch_.blobs);
    lock.lock();
    result_ = std::move(result);
    phase_ = Phase::kWritten;
    ::eventfd_write(written_fd_, 1);
    changed_.notify_all();
  }
}

void JournalWriter::begin(Batch batch) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(phase_ == Phase::kIdle && !failed_);
    batch_ = std::move(batch);
    phase_ = Phase::kWriting;
  }
  changed_.notify_all();
}

bool JournalWriter::is_writing() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kWriting;
}

Result<void> JournalWriter::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return phase_ != Phase::kWriting; });
  if (phase_ == Phase::kWritten) {
    eventfd_t count = 0;
    ::eventfd_read(written_fd_, &count);
    phase_ = Phase::kIdle;
    batch_ = {};
    if (!result_) failed_ = result_.error();
  }
  if (failed_) return tl::unexpected(*failed_);
  return {};
}

const std::string* JournalWriter::find_blob(const std::string& hash) const {
  const auto blob = batch_.blobs.find(hash);
  return blob == batch_.blobs.end() ? nullptr : &blob->second;
}

}  // namespace warpwright::journal
