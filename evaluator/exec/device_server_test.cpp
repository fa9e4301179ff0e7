#include "evaluator/exec/device_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "evaluator/exec/arena.h"
#include "evaluator/exec/device_protocol.h"
#include "evaluator/exec/scripted_device_test.h"

namespace warpwright::exec::device {
namespace {

struct Served {
  int code = -1;
  std::vector<Reply> replies;
};

// All commands at once, then end-of-file.
Served serve(const std::string& text, const OpenEngine& open = testing::open_scripted_engine) {
  int commands[2], replies[2];
  EXPECT_EQ(::pipe(commands), 0);
  EXPECT_EQ(::pipe(replies), 0);
  EXPECT_EQ(::write(commands[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(commands[1]);
  auto arena = Arena::create().value();
  EXPECT_TRUE(arena.grow(1 << 20));
  Served served;
  served.code = serve_device(open, commands[0], replies[1], UniqueFd(::dup(arena.fd())));
  ::close(replies[1]);
  std::string answer(1 << 20, '\0');
  answer.resize(static_cast<size_t>(std::max<ssize_t>(::read(replies[0], answer.data(), answer.size()), 0)));
  for (size_t at = 0; at < answer.size();) {
    const size_t end = answer.find('\n', at);
    served.replies.push_back(decode_reply(answer.substr(at, end - at)).value().reply);
    at = end + 1;
  }
  ::close(commands[0]), ::close(replies[0]);
  return served;
}

std::string line(const Command& command, uint64_t arena_bytes = 1 << 20) {
  static uint64_t number = 0;
  return encode(CommandLine{++number, arena_bytes, command});
}

std::string refusal(const Reply& reply) {
  const auto* refused = std::get_if<Refused>(&reply);
  return refused == nullptr ? "not refused" : refused->message;
}

TEST(DeviceServer, EndsWithItsInput) {
  EXPECT_EQ(serve("").code, 0);
  const auto served = serve(line(Hello{}));
  EXPECT_EQ(served.code, 0);
  ASSERT_EQ(served.replies.size(), 1u);
  EXPECT_EQ(std::get<Greeting>(served.replies[0]).facts.arch, 100);
}

TEST(DeviceServer, ALineThatIsNoCommandEndsIt) {
  const auto served = serve(line(Hello{}) + "{\"command\":\"hello\"}\n" + line(CloseProgram{1}));
  EXPECT_EQ(served.code, 2);
  EXPECT_EQ(served.replies.size(), 1u);
}

TEST(DeviceServer, CommandsBeforeTheDeviceIsOpenAreRefused) {
  EXPECT_EQ(refusal(serve(line(CloseProgram{1})).replies.at(0)), "the device is not open");
  const auto failed =
      serve(line(Hello{}) + line(CloseProgram{1}), [] { return infrastructure_error("no GPU"); });
  EXPECT_EQ(refusal(failed.replies.at(0)), "no GPU");
  EXPECT_EQ(refusal(failed.replies.at(1)), "the device is not open");
}

TEST(DeviceServer, BytesThatAreNotInTheArenaAreRefused) {
  const uint64_t huge = ~uint64_t{0};
  const auto served = serve(line(Hello{}) + line(WriteBuffer{1, 0, (1 << 20) + 1}) +
                            line(ReadBuffer{1, 0, huge}) + line(OpenProgram{1, {8, huge}, {}}) +
                            line(OpenProgram{1, {8, (1 << 20) - 7}, {}}) + line(CloseProgram{7}, huge));
  ASSERT_EQ(served.replies.size(), 6u);
  for (size_t i = 1; i < 6; ++i)
    EXPECT_NE(refusal(served.replies[i]).find("shared memory"), std::string::npos) << i;
}

}  // namespace
}  // namespace warpwright::exec::device
