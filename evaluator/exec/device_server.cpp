#include "evaluator/exec/device_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "evaluator/exec/arena.h"
#include "evaluator/exec/device_protocol.h"
#include "src/base/check.h"
#include "src/base/log.h"

namespace warpwright::exec::device {
namespace {

// False: end of file, an error, or a line beyond every limit.
bool read_line(int fd, std::string& buffer, std::string& line) {
  char chunk[65536];
  size_t searched = 0;
  for (;;) {
    if (const size_t end = buffer.find('\n', searched); end != std::string::npos) {
      line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      return true;
    }
    searched = buffer.size();
    if (buffer.size() > kMaxLineBytes) return false;
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    buffer.append(chunk, static_cast<size_t>(got));
  }
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

class Server {
 public:
  Server(const OpenEngine& open, Arena arena) : open_(open), arena_(std::move(arena)) {}

  Reply answer(const CommandLine& line) {
    if (auto mapped = arena_.map(line.arena_bytes); !mapped) return Refused{mapped.error().message};
    if (!engine_ && !std::holds_alternative<Hello>(line.command)) return Refused{"the device is not open"};
    return std::visit([this](const auto& command) { return handle(command); }, line.command);
  }

 private:
  static Reply done(const Result<void>& result) {
    if (!result) return Refused{result.error().message};
    return Done{};
  }
  template <class T, class MakeReply>
  static Reply done(Result<T> result, const MakeReply& make) {
    if (!result) return Refused{result.error().message};
    return make(std::move(*result));
  }

  // What a command says lies in the arena; nothing if it does not fit.
  std::optional<std::span<std::byte>> part(uint64_t begin, uint64_t bytes) const {
    const auto whole = arena_.bytes();
    if (begin > whole.size() || bytes > whole.size() - begin) return std::nullopt;
    return whole.subspan(begin, bytes);
  }
  template <class Use>
  Reply with_bytes(uint64_t bytes, const Use& use) {
    const auto content = part(0, bytes);
    if (!content) return Refused{"a command's bytes are not in the shared memory"};
    return done(use(*content));
  }

  Reply handle(const Hello&) {
    auto engine = open_();
    if (!engine) return Refused{engine.error().message};
    engine_ = std::move(*engine);
    return Greeting{kProtocolVersion, engine_->facts()};
  }

  Reply handle(const OpenProgram& command) {
    cuda::ProgramImages images;
    uint64_t begin = 0;
    for (const uint64_t bytes : command.image_bytes) {
      const auto image = part(begin, bytes);
      if (!image) return Refused{"an image is not in the shared memory"};
      images.images.emplace_back(reinterpret_cast<const char*>(image->data()), image->size());
      begin += bytes;
    }
    images.functions = command.functions;
    return done(engine_->open_program(command.id, images), [](cuda::Outcome<cuda::OpenedProgram> opened) {
      return ProgramOpened{std::move(opened.fault), std::move(opened.value.functions)};
    });
  }
  Reply handle(const ReloadProgram& command) { return done(engine_->reload_program(command.id)); }
  Reply handle(const CloseProgram& command) { return done(engine_->close_program(command.id)); }

  Reply handle(const OpenBuffers& command) {
    return done(engine_->open_buffers(command.id, command.buffers, command.guards, command.seed));
  }
  Reply handle(const WriteBuffer& command) {
    return with_bytes(command.bytes,
                      [&](auto content) { return engine_->write(command.buffers, command.index, content); });
  }
  Reply handle(const ReadBuffer& command) {
    return with_bytes(command.bytes,
                      [&](auto content) { return engine_->read(command.buffers, command.index, content); });
  }
  Reply handle(const CloseBuffers& command) { return done(engine_->close_buffers(command.id)); }

  Reply handle(const Call& command) {
    return done(engine_->call(command.program, command.buffers, command.work, command.policy),
                [](std::vector<cuda::DeviceFault> faults) { return CallDone{std::move(faults)}; });
  }

  Reply handle(const OpenSampler& command) {
    return done(engine_->open_sampler(command.id, command.spec),
                [](const cuda::SamplerInfo& info) { return SamplerOpened{info}; });
  }
  Reply handle(const WriteVersion& command) {
    return with_bytes(command.bytes, [&](auto content) {
      return engine_->write_version(command.sampler, command.version, command.input, content);
    });
  }
  Reply handle(const Take& command) {
    return done(engine_->take(command.sampler, command.shots),
                [](cuda::Outcome<std::vector<cuda::Sample>> taken) {
                  return Taken{std::move(taken.fault), std::move(taken.value)};
                });
  }
  Reply handle(const ReadKept& command) {
    return with_bytes(command.bytes, [&](auto content) {
      return engine_->read_kept(command.sampler, command.shot, command.index, content);
    });
  }
  Reply handle(const CloseSampler& command) { return done(engine_->close_sampler(command.id)); }

  const OpenEngine& open_;
  Arena arena_;
  std::unique_ptr<cuda::Engine> engine_;
};

}  // namespace

int serve_device(const OpenEngine& open, int commands_fd, int replies_fd, UniqueFd arena_fd) {
  Server server(open, Arena::adopt(std::move(arena_fd)));
  std::string buffer, line;
  while (read_line(commands_fd, buffer, line)) {
    const auto command = decode_command(line);
    if (!command) {
      spdlog::error("device process: {}", command.error().message);
      return 2;
    }
    if (!write_all(replies_fd, encode(ReplyLine{command->number, server.answer(*command)}))) return 0;
  }
  return 0;
}

}  // namespace warpwright::exec::device
