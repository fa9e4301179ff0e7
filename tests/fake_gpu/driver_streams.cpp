// The driver API: streams, events.
#include "tests/fake_gpu/exports.h"

namespace warpwright::fake_gpu {
namespace {

std::shared_ptr<EventState> find_event(Device& device, abi::Event handle) {
  const auto found = device.events.find(reinterpret_cast<EventState*>(handle));
  return found == device.events.end() ? nullptr : found->second;
}

// Runs what comes before the event.
int reach(Device& device, const EventState& event) {
  return event.recorded ? device.drain(*event.stream, event.sequence) : 0;
}

}  // namespace
}  // namespace warpwright::fake_gpu

using namespace warpwright::fake_gpu;  // NOLINT: the rest is C
using abi::Code;

FAKE_EXPORT Code cuStreamCreate(abi::Stream* handle, unsigned flags) {
  DriverCall call(Needs::kContext, "cuStreamCreate", "{}", flags);
  if (call.code != 0) return call.code;
  if (flags > abi::kStreamNonBlocking) return kInvalidValue;
  static uint32_t next_id = 12;  // the first of a process, mostly
  auto stream = std::make_unique<Stream>();
  stream->id = ++next_id;
  stream->is_blocking = flags == abi::kStreamDefault;
  *handle = reinterpret_cast<abi::Stream>(stream.get());
  call.device.streams.emplace(stream.get(), std::move(stream));
  return 0;
}
FAKE_EXPORT Code cuStreamDestroy_v2(abi::Stream handle) {
  DriverCall call(Needs::kContext, "cuStreamDestroy_v2");
  if (call.code != 0) return call.code;
  Stream* stream = call.device.find(handle);
  if (stream == nullptr || stream->is_legacy) return kInvalidHandle;
  const int code = call.device.drain(*stream);
  for (auto& [key, event] : call.device.events)
    if (event->stream == stream) event->stream = &call.device.legacy;
  call.device.streams.erase(stream);
  return code;
}
FAKE_EXPORT Code cuStreamSynchronize(abi::Stream handle) {
  DriverCall call(Needs::kContext, "cuStreamSynchronize");
  if (call.code != 0) return call.code;
  Stream* stream = call.device.find(handle);
  if (stream == nullptr) return kInvalidHandle;
  const int code = call.device.drain(*stream);
  call.device.wait_for(stream->ready_ns);
  return code;
}
FAKE_EXPORT Code cuStreamQuery(abi::Stream handle) {
  DriverCall call(Needs::kContext, "cuStreamQuery");
  if (call.code != 0) return call.code;
  Stream* stream = call.device.find(handle);
  return stream == nullptr ? kInvalidHandle : call.device.drain(*stream);
}

FAKE_EXPORT Code cuEventCreate(abi::Event* handle, unsigned flags) {
  DriverCall call(Needs::kContext, "cuEventCreate", "{}", flags);
  if (call.code != 0) return call.code;
  auto event = std::make_shared<EventState>();
  event->timing = (flags & abi::kEventDisableTiming) == 0;
  *handle = reinterpret_cast<abi::Event>(event.get());
  call.device.events.emplace(event.get(), event);
  return 0;
}
FAKE_EXPORT Code cuEventDestroy_v2(abi::Event handle) {
  DriverCall call(Needs::kContext, "cuEventDestroy_v2");
  if (call.code != 0) return call.code;
  return call.device.events.erase(reinterpret_cast<EventState*>(handle)) == 1 ? 0 : kInvalidHandle;
}
FAKE_EXPORT Code cuEventRecord(abi::Event handle, abi::Stream stream_handle) {
  DriverCall call(Needs::kContext, "cuEventRecord");
  if (call.code != 0) return call.code;
  Stream* stream = call.device.find(stream_handle);
  const auto event = find_event(call.device, handle);
  if (stream == nullptr || event == nullptr) return kInvalidHandle;
  Operation operation;
  operation.overlaps = true;
  operation.run = [event](const Operation& self, uint64_t start_ns, uint64_t& end_ns) {
    end_ns = start_ns + kEventNs;
    if (event->sequence != self.sequence) return 0;  // recorded again since
    event->reached = true;
    event->ns = end_ns;
    return 0;
  };
  event->recorded = true;
  event->reached = false;
  event->stream = stream;
  event->sequence = call.device.submit(*stream, std::move(operation));
  return 0;
}
FAKE_EXPORT Code cuEventSynchronize(abi::Event handle) {
  DriverCall call(Needs::kContext, "cuEventSynchronize");
  if (call.code != 0) return call.code;
  const auto event = find_event(call.device, handle);
  if (event == nullptr) return kInvalidHandle;
  const int code = reach(call.device, *event);
  if (event->reached) call.device.wait_for(event->ns);
  return code;
}
FAKE_EXPORT Code cuEventElapsedTime(float* ms, abi::Event first, abi::Event last) {
  DriverCall call(Needs::kContext, "cuEventElapsedTime");
  if (call.code != 0) return call.code;
  const auto begin = find_event(call.device, first), end = find_event(call.device, last);
  if (begin == nullptr || end == nullptr) return kInvalidHandle;
  if (!begin->timing || !end->timing || !begin->recorded || !end->recorded) return kInvalidHandle;
  if (!begin->reached || !end->reached) return kNotReady;
  *ms = static_cast<float>((static_cast<double>(end->ns) - static_cast<double>(begin->ns)) / 1e6);
  return 0;
}
