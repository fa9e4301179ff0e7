// The fake GPU does what hardware does where the evaluator depends on it.
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/fake_gpu/loaded_library.h"

namespace warpwright::fake_gpu {
namespace {

// Kernels of up to three 64-bit parameters; %rd1 to %rd3 are their values, %r1 is the thread in the grid,
// %rd4 its word's offset.
std::string kernel(const std::string& name, const std::string& body) {
  return ".visible .entry " + name + "(.param .u64 a, .param .u64 b, .param .u64 c) {\n" +
         ".reg .pred %p<4>;\n.reg .b32 %r<9>;\n.reg .b64 %rd<9>;\n"
         "ld.param.u64 %rd1, [a];\nld.param.u64 %rd2, [b];\nld.param.u64 %rd3, [c];\n"
         "mov.u32 %r2, %ctaid.x;\nmov.u32 %r3, %ntid.x;\nmov.u32 %r4, %tid.x;\nmad.lo.u32 %r1, %r2, %r3, "
         "%r4;\n"
         "mul.wide.u32 %rd4, %r1, 4;\n" +
         body + "ret;\n}\n";
}
std::string module_text(const std::string& target = "sm_80") {
  return ".version 8.0\n.target " + target + "\n.address_size 64\n.global .align 4 .u32 counter;\n" +
         kernel("fill",
                "add.u64 %rd5, %rd1, %rd4;\ncvt.u32.u64 %r5, %rd2;\nadd.u32 %r5, %r5, %r1;\n"
                "st.global.u32 [%rd5], %r5;\n") +
         kernel("sum",
                "add.u64 %rd5, %rd1, %rd4;\nadd.u64 %rd6, %rd2, %rd4;\nld.global.u32 %r5, [%rd5];\n"
                "ld.global.u32 %r6, [%rd6];\nadd.u32 %r5, %r5, %r6;\nst.global.u32 [%rd6], %r5;\n") +
         kernel("store", "cvt.u32.u64 %r5, %rd2;\nst.global.u32 [%rd1], %r5;\n") +
         kernel("count",
                "ld.global.u32 %r5, [counter];\nadd.u32 %r5, %r5, 1;\nst.global.u32 [counter], %r5;\n"
                "st.global.u32 [%rd1], %r5;\n") +
         kernel("block_on",
                "again:\nld.volatile.global.u32 %r5, [%rd1];\nsetp.eq.u32 %p1, %r5, 0;\n@%p1 bra again;\n") +
         kernel("endless", "again:\nadd.u64 %rd2, %rd2, 1;\nst.global.u64 [%rd1], %rd2;\nbra again;\n") +
         kernel("stamp",
                "mov.u64 %rd5, %globaltimer;\nst.global.u64 [%rd1], %rd5;\nmov.u64 %rd6, %clock64;\n"
                "st.global.u64 [%rd1+8], %rd6;\nmov.u32 %r5, %smid;\nmul.wide.u32 %rd7, %r2, 4;\n"
                "add.u64 %rd7, %rd7, %rd1;\nst.global.u32 [%rd7+16], %r5;\n") +
         kernel("stop", "trap;\n");
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line.substr(line.find(' ') + 1));
  return lines;
}
std::string fresh_path(const std::string& name) {
  const std::string path = testing::TempDir() + "fake_gpu_" + std::to_string(getpid()) + "_" + name;
  std::filesystem::remove(path);
  return path;
}

// One test, in its own process.
#define GPU_TEST(suite, name, ...)                                            \
  void suite##_##name(Functions& cu);                                         \
  TEST(suite, name) {                                                         \
    EXPECT_EQ(run_child(Environment{__VA_ARGS__}, suite##_##name), "passed"); \
  }                                                                           \
  void suite##_##name([[maybe_unused]] Functions& cu)

GPU_TEST(FakeGpu, RunsPtxOnBuffers) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(400), b = gpu.allocate(400);
  EXPECT_EQ(gpu.launch("fill", 4, 25, a, 7), 0);
  EXPECT_EQ(gpu.launch("fill", 4, 25, b, 1000), 0);
  EXPECT_EQ(gpu.launch("sum", 4, 25, a, b), 0);
  std::array<uint32_t, 100> result = {};
  EXPECT_EQ(cu.cuMemcpyDtoHAsync_v2(result.data(), b, 400, gpu.stream), 0);
  for (uint32_t k = 0; k < 100; ++k) EXPECT_EQ(result[k], 1007 + 2 * k);
}

GPU_TEST(FakeGpu, CopiesAndMemsetsKeepTheOrderOfTheirStream) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(64), b = gpu.allocate(64);
  const uint32_t word = 5;
  EXPECT_EQ(cu.cuMemsetD32Async(a, 3, 16, gpu.stream), 0);
  EXPECT_EQ(cu.cuMemcpyHtoDAsync_v2(a + 8, &word, 4, gpu.stream), 0);
  EXPECT_EQ(cu.cuMemcpyDtoDAsync_v2(b, a, 64, gpu.stream), 0);
  EXPECT_EQ(cu.cuMemsetD8Async(b + 12, 0x11, 4, gpu.stream), 0);
  EXPECT_EQ(gpu.word(b), 3u);
  EXPECT_EQ(gpu.word(b + 8), 5u);
  EXPECT_EQ(gpu.word(b + 12), 0x11111111u);
  EXPECT_EQ(cu.cuMemsetD8Async(b, 0, 4097, gpu.stream), 1) << "past the allocation";
}

GPU_TEST(FakeGpu, ModuleVariablesLiveUntilTheModuleIsUnloaded) {
  Gpu gpu(cu, module_text());
  const uint64_t out = gpu.allocate(4);
  for (uint32_t k = 1; k <= 3; ++k) {
    EXPECT_EQ(gpu.launch("count", 1, 1, out), 0);
    EXPECT_EQ(gpu.word(out), k);
  }
  EXPECT_EQ(cu.cuModuleUnload(gpu.module), 0);
  const std::string again = module_text();
  EXPECT_EQ(cu.cuModuleLoadData(&gpu.module, again.c_str()), 0);
  EXPECT_EQ(gpu.launch("count", 1, 1, out), 0);
  EXPECT_EQ(gpu.word(out), 1u);
}

// With what matters of a cubin: the PTX's lines as strings.
std::string cubin(std::string ptx) {
  std::replace(ptx.begin(), ptx.end(), '\n', '\0');
  const std::string names("\0.shstrtab\0.nv_debug_ptx_txt\0", 29);
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_CUDA;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = ptx.empty() ? 2 : 3;
  header.e_shstrndx = 1;
  header.e_shoff = sizeof header;
  std::array<Elf64_Shdr, 3> sections = {};
  const uint64_t content = sizeof header + sizeof sections;
  sections[1].sh_name = 1;
  sections[1].sh_type = SHT_STRTAB;
  sections[1].sh_offset = content;
  sections[1].sh_size = names.size();
  sections[2].sh_name = 11;
  sections[2].sh_type = SHT_PROGBITS;
  sections[2].sh_offset = content + names.size();
  sections[2].sh_size = ptx.size();
  const auto bytes = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  return bytes(header) + bytes(sections) + names + ptx;
}

GPU_TEST(FakeGpu, ACubinRunsAsThePtxItCarries) {
  Gpu gpu(cu);
  EXPECT_EQ(cu.cuModuleLoadData(&gpu.module, cubin(module_text("sm_90a")).c_str()), 0);
  const uint64_t a = gpu.allocate(4);
  EXPECT_EQ(gpu.launch("store", 1, 32, a, 6), 0);
  EXPECT_EQ(gpu.word(a), 6u);
}

GPU_TEST(FakeGpu, CodeForOtherGpusAndBrokenCodeIsRefused, {"FAKE_GPU_ARCH", "100"}) {
  Gpu gpu(cu);
  abi::Module module = nullptr;
  EXPECT_EQ(cu.cuModuleLoadData(&module, cubin(module_text("sm_90")).c_str()), 209);
  EXPECT_EQ(cu.cuModuleLoadData(&module, module_text("sm_90").c_str()), 0);
  EXPECT_EQ(cu.cuModuleLoadData(&module, cubin("").c_str()), 209) << "without line information";
  EXPECT_EQ(cu.cuModuleLoadData(&module, (std::string("\x7f") + "ELF" + std::string(99, '\0')).c_str()), 200);
  EXPECT_EQ(cu.cuModuleLoadData(&module, "int main() {}"), 200);
  EXPECT_EQ(cu.cuModuleLoadData(&module, module_text("sm_90a").c_str()), 209);
  EXPECT_EQ(cu.cuModuleLoadData(&module, module_text("sm_120").c_str()), 209);
  EXPECT_EQ(cu.cuModuleLoadData(&module, module_text("sm_100f").c_str()), 0);
  std::array<char, 200> log = {};
  std::array options = {abi::kJitErrorLogBuffer, abi::kJitErrorLogBufferBytes};
  std::array<void*, 2> values = {log.data(), reinterpret_cast<void*>(log.size())};
  EXPECT_EQ(cu.cuModuleLoadDataEx(&module, ".version 8.0\n.targ", 2, options.data(), values.data()), 218);
  EXPECT_NE(std::string(log.data()).find("line 2"), std::string::npos) << log.data();
  abi::Function function = nullptr;
  EXPECT_EQ(cu.cuModuleGetFunction(&function, module, "missing"), 500);
}

GPU_TEST(FakeGpu, AnAccessOutsideOfEveryBufferIsStickyAndOneInsideIsNot) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(1 << 20);
  EXPECT_EQ(gpu.launch("store", 1, 1, a + 4096, 1), 0);
  EXPECT_EQ(gpu.synchronise(), 0);
  EXPECT_EQ(gpu.launch("store", 1, 1, a + (1 << 20), 1), 0) << "errors come with the synchronisation";
  EXPECT_EQ(gpu.synchronise(), 700);
  EXPECT_EQ(gpu.launch("store", 1, 1, a, 1), 700);
  abi::DevicePointer more = 0;
  EXPECT_EQ(cu.cuMemAlloc_v2(&more, 4), 700);
  EXPECT_EQ(cu.cuCtxSynchronize(), 700);
  const char* name = nullptr;
  EXPECT_EQ(cu.cuGetErrorName(700, &name), 0);
  EXPECT_STREQ(name, "CUDA_ERROR_ILLEGAL_ADDRESS");
}
GPU_TEST(FakeGpu, MisalignedAccessesHaveTheirOwnError) {
  Gpu gpu(cu, module_text());
  EXPECT_EQ(gpu.launch("store", 1, 1, gpu.allocate(64) + 2, 1), 0);
  EXPECT_EQ(gpu.synchronise(), 716);
}
GPU_TEST(FakeGpu, ATrapIsALaunchFailure) {
  Gpu gpu(cu, module_text());
  EXPECT_EQ(gpu.launch("stop", 1, 1, 0, 0, 0, 16), 1) << "a parameter is missing";
  EXPECT_EQ(gpu.launch("stop", 1, 1), 0);
  EXPECT_EQ(gpu.synchronise(), 719);
}

GPU_TEST(FakeGpu, LaunchesBeyondTheLimitsAreRefusedAndHarmNothing) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(64);
  EXPECT_EQ(gpu.launch("store", 1, 1025, a, 1), 1);
  EXPECT_EQ(gpu.launch("store", 0, 32, a, 1), 1);
  const abi::Function store = gpu.function("store");
  std::array<uint64_t, 3> values = {a, 9, 0};
  std::array<void*, 3> parameters = {&values[0], &values[1], &values[2]};
  abi::LaunchAttribute attribute = {abi::kLaunchCooperative, {}, {}};
  attribute.value.cooperative = 1;
  abi::LaunchConfig config{100'000, 1, 1, 32, 1, 1, 0, gpu.stream, &attribute, 1};
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, store, parameters.data(), nullptr), 720);
  config.grid_x = 1;
  config.shared_bytes = 100 << 10;
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, store, parameters.data(), nullptr), 1);
  EXPECT_EQ(cu.cuFuncSetAttribute(store, abi::kFunctionMaxDynamicSharedBytes, 100 << 10), 0);
  EXPECT_EQ(cu.cuLaunchKernelEx(&config, store, parameters.data(), nullptr), 0);
  EXPECT_EQ(gpu.word(a), 9u);
}

// --- queues ---

// Mapped host memory: the host's pointer and the device's.
std::pair<volatile uint32_t*, uint64_t> mapped_flag(Functions& cu) {
  void* host = nullptr;
  abi::DevicePointer address = 0;
  EXPECT_EQ(cu.cuMemHostAlloc(&host, 64, abi::kHostDeviceMap), 0);
  EXPECT_EQ(cu.cuMemHostGetDevicePointer_v2(&address, host, 0), 0);
  return {static_cast<volatile uint32_t*>(host), address};
}

GPU_TEST(FakeGpu, AKernelThatWaitsForTheHostSeesAFlagSetAfterItsLaunch) {
  Gpu gpu(cu, module_text());
  const auto [flag, address] = mapped_flag(cu);
  const uint64_t out = gpu.allocate(4);
  EXPECT_EQ(gpu.launch("block_on", 1, 1, address), 0);
  EXPECT_EQ(gpu.launch("store", 1, 1, out, 8), 0);
  EXPECT_EQ(gpu.launch("store", 1, 1, address + 4, 8), 0);
  EXPECT_EQ(flag[1], 0u);
  *flag = 1;
  EXPECT_EQ(gpu.synchronise(), 0);
  EXPECT_EQ(flag[1], 8u);
  EXPECT_EQ(gpu.word(out), 8u);
}
TEST(FakeGpu, AFlagThatNobodySetsIsAHang) {
  const auto body = [](Functions& cu) {
    Gpu gpu(cu, module_text());
    gpu.launch("block_on", 1, 1, mapped_flag(cu).second);
    gpu.synchronise();
  };
  EXPECT_EQ(run_child({}, body, std::chrono::milliseconds(1500)), "hung");
}
TEST(FakeGpu, AKernelWithoutEndHangsOnceItsBudgetIsSpent) {
  const std::string log = fresh_path("endless");
  const auto body = [](Functions& cu) {
    Gpu gpu(cu, module_text());
    EXPECT_EQ(gpu.launch("endless", 1, 32, gpu.allocate(8), 0), 0);
    gpu.synchronise();
  };
  EXPECT_EQ(run_child({{"FAKE_GPU_BUDGET", "100000"}, {"FAKE_GPU_LOG", log}}, body,
                      std::chrono::milliseconds(1500)),
            "hung");
  EXPECT_EQ(lines_of(log).back().rfind("hang ", 0), 0u) << lines_of(log).back();
}

GPU_TEST(FakeGpu, TheDefaultStreamAndBlockingStreamsWaitForEachOther) {
  Gpu gpu(cu, module_text());
  abi::Stream blocking = nullptr;
  EXPECT_EQ(cu.cuStreamCreate(&blocking, abi::kStreamDefault), 0);
  const uint64_t a = gpu.allocate(4);
  EXPECT_EQ(cu.cuMemsetD32Async(a, 1, 1, blocking), 0);
  EXPECT_EQ(cu.cuMemsetD32Async(a, 2, 1, nullptr), 0);
  EXPECT_EQ(cu.cuStreamSynchronize(nullptr), 0);
  EXPECT_EQ(gpu.word(a), 2u);
  EXPECT_EQ(cu.cuMemsetD32Async(a, 3, 1, blocking), 0);
  EXPECT_EQ(gpu.word(a), 2u) << "a non-blocking stream does not wait";
  EXPECT_EQ(cu.cuStreamSynchronize(blocking), 0);
  EXPECT_EQ(gpu.word(a), 3u);
}

// --- virtual memory ---

GPU_TEST(FakeGpu, VirtualMemoryEndsWhereItsMappingEnds) {
  Gpu gpu(cu, module_text());
  const abi::AllocationProperties properties = {
      abi::kAllocationPinned, 0, {abi::kLocationDevice, 0}, nullptr, {}};
  size_t page = 0;
  EXPECT_EQ(cu.cuMemGetAllocationGranularity(&page, &properties, abi::kGranularityMinimum), 0);
  abi::DevicePointer base = 0;
  EXPECT_EQ(cu.cuMemAddressReserve(&base, 4 * page, 0, 0, 0), 0);
  abi::AllocationHandle handle = 0;
  EXPECT_EQ(cu.cuMemCreate(&handle, page + 1, &properties, 0), 1);
  EXPECT_EQ(cu.cuMemCreate(&handle, page, &properties, 0), 0);
  EXPECT_EQ(cu.cuMemMap(base + page, page, 0, handle, 0), 0);
  EXPECT_EQ(cu.cuMemMap(base + page, page, 0, handle, 0), 1) << "twice";
  EXPECT_EQ(cu.cuMemsetD8Async(base + page, 0, 4, gpu.stream), 1) << "no access yet";
  const abi::AccessDescriptor access = {{abi::kLocationDevice, 0}, abi::kAccessReadWrite};
  EXPECT_EQ(cu.cuMemSetAccess(base + page, page, &access, 1), 0);
  EXPECT_EQ(gpu.launch("store", 1, 1, base + 2 * page - 4, 77), 0);
  EXPECT_EQ(gpu.word(base + 2 * page - 4), 77u);
  EXPECT_EQ(cu.cuMemAddressFree(base, 4 * page), 1) << "still mapped";
  EXPECT_EQ(gpu.launch("store", 1, 1, base + 2 * page, 77), 0);
  EXPECT_EQ(gpu.synchronise(), 700);
}

GPU_TEST(FakeGpu, MemoryRunsOut, {"FAKE_GPU_MEMORY", "1e6"}) {
  Gpu gpu(cu);
  abi::DevicePointer address = 0;
  const uint64_t half = gpu.allocate(600'000);
  EXPECT_EQ(cu.cuMemAlloc_v2(&address, 600'000), 2);
  EXPECT_EQ(cu.cuMemFree_v2(half), 0);
  EXPECT_EQ(cu.cuMemAlloc_v2(&address, 600'000), 0);
  EXPECT_EQ(cu.cuMemFree_v2(half), 1);
}

// --- time ---

double elapsed_us(Gpu& gpu, const std::function<void()>& work) {
  abi::Event begin = nullptr, end = nullptr;
  EXPECT_EQ(gpu.cu.cuEventCreate(&begin, 0), 0);
  EXPECT_EQ(gpu.cu.cuEventCreate(&end, 0), 0);
  EXPECT_EQ(gpu.cu.cuEventRecord(begin, gpu.stream), 0);
  work();
  EXPECT_EQ(gpu.cu.cuEventRecord(end, gpu.stream), 0);
  float ms = 0;
  EXPECT_EQ(gpu.cu.cuEventElapsedTime(&ms, begin, end), 600);
  EXPECT_EQ(gpu.cu.cuEventSynchronize(end), 0);
  EXPECT_EQ(gpu.cu.cuEventElapsedTime(&ms, begin, end), 0);
  return static_cast<double>(ms) * 1000;
}

GPU_TEST(FakeTime, WarmL2IsQuickerAndAFlushMakesItCold) {
  Gpu gpu(cu, module_text());
  constexpr unsigned kWords = 32 << 10;
  const uint64_t a = gpu.allocate(4 * kWords), flush = gpu.allocate(512 << 10);
  const auto fill = [&] { EXPECT_EQ(gpu.launch("fill", kWords / 256, 256, a, 0), 0); };
  const double cold = elapsed_us(gpu, fill), warm = elapsed_us(gpu, fill);
  EXPECT_GT(cold, warm + 0.5);
  EXPECT_EQ(cu.cuMemsetD8Async(flush, 1, 512 << 10, gpu.stream), 0);
  EXPECT_NEAR(elapsed_us(gpu, fill), cold, 0.3) << "but for the launch's own latency";
}

GPU_TEST(FakeTime, LaunchLatencyShowsUnlessABlockingKernelHidesIt) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(1024);
  const auto [flag, address] = mapped_flag(cu);
  const auto work = [&] {
    EXPECT_EQ(gpu.launch("store", 1, 1, a, 0), 0);
    for (int k = 0; k < 100; ++k) EXPECT_EQ(cu.cuCtxResetPersistingL2Cache(), 0);  // the host dawdles
    EXPECT_EQ(gpu.launch("store", 1, 1, a, 0), 0);
  };
  const double direct = elapsed_us(gpu, work);
  EXPECT_EQ(gpu.launch("block_on", 1, 1, address), 0);
  *flag = 1;
  EXPECT_LT(elapsed_us(gpu, work), direct - 5);
}

GPU_TEST(FakeTime, StampsOfKernelsLieOnTheLineOfTheEvents) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(256);
  std::array<uint64_t, 4> first = {}, second = {};
  const double us = elapsed_us(gpu, [&] {
    EXPECT_EQ(gpu.launch("stamp", 20, 32, a), 0);
    EXPECT_EQ(gpu.launch("stamp", 20, 32, a + 128), 0);
  });
  EXPECT_EQ(cu.cuMemcpyDtoHAsync_v2(first.data(), a, 32, gpu.stream), 0);
  EXPECT_EQ(cu.cuMemcpyDtoHAsync_v2(second.data(), a + 128, 32, gpu.stream), 0);
  const double stamps_us = static_cast<double>(second[0] - first[0]) / 1000;
  EXPECT_GT(stamps_us, 0);
  EXPECT_LT(stamps_us, us);
  EXPECT_NEAR(static_cast<double>(second[1] - first[1]) / stamps_us, 1980, 5) << "cycles of %clock64 in MHz";
  EXPECT_EQ(gpu.word(a + 16 + 4 * 3), 3u) << "%smid";
}

GPU_TEST(FakeTime, NoiseIsThatOfItsSeed, {"FAKE_GPU_NOISE", "0.1"}, {"FAKE_GPU_SEED", "3"}) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(4);
  std::vector<double> samples;
  for (int k = 0; k < 20; ++k)
    samples.push_back(elapsed_us(gpu, [&] { EXPECT_EQ(gpu.launch("store", 1, 1, a, 0), 0); }));
  std::sort(samples.begin(), samples.end());
  EXPECT_GT(samples.back(), samples.front() * 1.1);
  EXPECT_LT(samples.back(), samples.front() * 2);
}

GPU_TEST(FakeTime, ThrottlingSlowsTheSmClock, {"FAKE_GPU_THROTTLE", "0:0.5"}) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(256);
  std::array<uint64_t, 2> stamps[2] = {};
  for (auto& stamp : stamps) {
    EXPECT_EQ(gpu.launch("stamp", 1, 32, a), 0);
    EXPECT_EQ(cu.cuMemcpyDtoHAsync_v2(stamp.data(), a, 16, gpu.stream), 0);
  }
  const auto ns = static_cast<double>(stamps[1][0] - stamps[0][0]);
  EXPECT_NEAR(static_cast<double>(stamps[1][1] - stamps[0][1]) * 1000 / ns, 990, 5);
}

// --- what goes wrong on request ---

GPU_TEST(FakeFaults, ACallFailsWhenItsTurnComes,
         {"FAKE_GPU_FAIL", "cuMemAlloc:2:2,cuStreamSynchronize:*:700"}) {
  Gpu gpu(cu);
  abi::DevicePointer address = 0;
  EXPECT_EQ(cu.cuMemAlloc_v2(&address, 4), 0);
  EXPECT_EQ(cu.cuMemAlloc_v2(&address, 4), 2);
  EXPECT_EQ(cu.cuMemAlloc_v2(&address, 4), 0);
  EXPECT_EQ(gpu.synchronise(), 700);
  EXPECT_EQ(cu.cuMemAlloc_v2(&address, 4), 700) << "sticky";
}
GPU_TEST(FakeFaults, LaunchesAreChosenByTheirKernel, {"FAKE_GPU_FAIL", "cuLaunchKernelEx/store:2:719"}) {
  Gpu gpu(cu, module_text());
  const uint64_t a = gpu.allocate(128);
  EXPECT_EQ(gpu.launch("store", 1, 1, a, 1), 0);
  EXPECT_EQ(gpu.launch("fill", 1, 1, a, 1), 0);
  EXPECT_EQ(gpu.launch("store", 1, 1, a, 1), 719);
}
TEST(FakeFaults, ProcessesHangDieAndFallIllOnRequest) {
  const auto allocate = [](Functions& cu) { Gpu(cu).allocate(4); };
  EXPECT_EQ(run_child({{"FAKE_GPU_HANG", "cuMemAlloc:1"}}, allocate, std::chrono::milliseconds(700)), "hung");
  EXPECT_EQ(run_child({{"FAKE_GPU_DIE", "cuMemAlloc:1"}}, allocate), "aborted");
  EXPECT_EQ(run_child({{"FAKE_GPU_DIE", "cuMemAlloc:2"}}, allocate), "passed");
  const std::string sick = fresh_path("sick");
  const auto initialise = [](Functions& cu) {
    EXPECT_EQ(cu.cuInit(0), access(getenv("FAKE_GPU_SICK"), F_OK) == 0 ? 214 : 0);
  };
  EXPECT_EQ(run_child({{"FAKE_GPU_SICK", sick}}, initialise), "passed");
  std::ofstream(sick) << "ill";
  EXPECT_EQ(run_child({{"FAKE_GPU_SICK", sick}}, initialise), "passed");
  std::filesystem::remove(sick);
}
TEST(FakeFaults, OneOfManyProcessesFails) {
  const std::string once = fresh_path("once");
  int failures = 0;
  for (int k = 0; k < 3; ++k) {
    const std::string end = run_child({{"FAKE_GPU_FAIL_ONCE", once + ":cuMemAlloc:719"}}, [](Functions& cu) {
      Gpu gpu(cu);
      abi::DevicePointer address = 0;
      _exit(cu.cuMemAlloc_v2(&address, 4) == 719 ? 1 : 0);
    });
    failures += end == "failed";
    EXPECT_EQ(end, k == 0 ? "failed" : "passed");
  }
  EXPECT_EQ(failures, 1);
  std::filesystem::remove(once);
}

TEST(FakeSettings, AFileBesideTheLibraryStandsInForTheEnvironment) {
  const std::filesystem::path folder = fresh_path("folder");
  std::filesystem::create_directory(folder);
  std::filesystem::create_symlink(FAKE_GPU_LIBRARY, folder / "libfake_gpu.so");
  std::ofstream(folder / "fake_gpu.env") << "FAKE_GPU_ARCH=100\nFAKE_GPU_SMS=3\n";
  const auto body = [&](Functions&) {
    Functions cu = load_library((folder / "libfake_gpu.so").c_str());
    int value = 0;
    EXPECT_EQ(cu.cuDeviceGetAttribute(&value, abi::kComputeCapabilityMajor, 0), 0);
    EXPECT_EQ(value, 10);
    EXPECT_EQ(cu.cuDeviceGetAttribute(&value, abi::kMultiprocessorCount, 0), 0);
    EXPECT_EQ(value, 7) << "the environment wins";
  };
  EXPECT_EQ(run_child({{"FAKE_GPU_SMS", "7"}}, body, std::chrono::seconds(60), false), "passed");
  std::filesystem::remove_all(folder);
}

TEST(FakeLog, NamesEveryCallInOrder) {
  const std::string log = fresh_path("log");
  const auto body = [](Functions& cu) {
    Gpu gpu(cu, module_text());
    const uint64_t a = gpu.allocate(128);
    cu.cuMemsetD8Async(a, 0x5a, 128, gpu.stream);
    gpu.launch("store", 1, 32, a, 1);
    gpu.synchronise();
  };
  EXPECT_EQ(run_child({{"FAKE_GPU_LOG", log}}, body), "passed");
  const auto lines = lines_of(log);
  ASSERT_GE(lines.size(), 4u);
  EXPECT_EQ(lines[lines.size() - 1], "cuStreamSynchronize");
  EXPECT_EQ(lines[lines.size() - 2], "cuLaunchKernelEx store grid=1,1,1 block=32,1,1 shared=0 stream=13");
  EXPECT_EQ(lines[lines.size() - 4].substr(0, 16), "cuMemsetD8Async ");
  std::filesystem::remove(log);
}

// --- CUPTI ---

struct Records {
  std::vector<abi::KernelRecord> kernels;
  std::map<uint32_t, uint64_t> external;  // by correlation
  int memsets = 0;
};
Records& records() {
  static Records the_records;
  return the_records;
}
void request(uint8_t** buffer, size_t* bytes, size_t* most) {
  *bytes = 1024;
  *most = 0;
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, *bytes));
}
Functions* functions = nullptr;
void complete(abi::Context, uint32_t, uint8_t* buffer, size_t, size_t valid) {
  abi::ActivityRecord* record = nullptr;
  while (functions->cuptiActivityGetNextRecord(buffer, valid, &record) == 0) {
    if (record->kind == abi::kConcurrentKernelActivity)
      records().kernels.push_back(*reinterpret_cast<abi::KernelRecord*>(record));
    records().memsets += record->kind == abi::kMemsetActivity;
    if (record->kind == abi::kExternalCorrelationActivity) {
      const auto* external = reinterpret_cast<abi::ExternalCorrelationRecord*>(record);
      records().external[external->correlation_id] = external->external_id;
    }
  }
  std::free(buffer);
}
void trace(Functions& cu, int expected = 0) {
  functions = &cu;
  EXPECT_EQ(cu.cuptiActivityRegisterCallbacks(request, complete), 0);
  for (const abi::ActivityKind kind :
       {abi::kConcurrentKernelActivity, abi::kMemsetActivity, abi::kMemcpyActivity, abi::kDriverApiActivity,
        abi::kExternalCorrelationActivity})
    EXPECT_EQ(cu.cuptiActivityEnable(kind), expected);
}

GPU_TEST(FakeCupti, RecordsCarryTheIdThatWasPushedAndTheSpanThatEventsSee) {
  Gpu gpu(cu, module_text());
  trace(cu);
  const uint64_t a = gpu.allocate(4096);
  for (uint64_t id = 100; id < 110; ++id) {
    EXPECT_EQ(cu.cuptiActivityPushExternalCorrelationId(abi::kExternalCustom0, id), 0);
    EXPECT_EQ(gpu.launch("fill", 2, 64, a, id), 0);
    uint64_t popped = 0;
    EXPECT_EQ(cu.cuptiActivityPopExternalCorrelationId(abi::kExternalCustom0, &popped), 0);
    EXPECT_EQ(popped, id);
  }
  EXPECT_EQ(cu.cuMemsetD8Async(a, 0, 8, gpu.stream), 0);
  EXPECT_EQ(gpu.synchronise(), 0);
  EXPECT_EQ(cu.cuptiActivityFlushAll(0), 0);
  ASSERT_EQ(records().kernels.size(), 10u);
  EXPECT_EQ(records().memsets, 1);
  EXPECT_EQ(records().external.size(), 10u);
  uint64_t end = 0;
  for (size_t k = 0; k < 10; ++k) {
    const abi::KernelRecord& kernel = records().kernels[k];
    EXPECT_STREQ(kernel.name, "fill");
    EXPECT_EQ(kernel.block_x, 64);
    EXPECT_GT(kernel.start, end);
    EXPECT_GE(kernel.end, kernel.start + 2000);
    EXPECT_EQ(records().external[kernel.correlation_id], 100 + k);
    end = kernel.end;
  }
}
GPU_TEST(FakeCupti, DropsRecords, {"FAKE_GPU_CUPTI", "drop:3"}) {
  Gpu gpu(cu, module_text());
  trace(cu);
  const uint64_t a = gpu.allocate(4096);
  for (int k = 0; k < 9; ++k) EXPECT_EQ(gpu.launch("fill", 1, 32, a, 0), 0);
  EXPECT_EQ(cu.cuptiActivityFlushAll(0), 0);
  size_t dropped = 0;
  EXPECT_EQ(cu.cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped), 0);
  EXPECT_EQ(dropped, 6u) << "of 9 kernels and 9 calls";
}
GPU_TEST(FakeCupti, LacksPrivileges, {"FAKE_GPU_CUPTI", "denied"}) {
  trace(cu, abi::kCuptiInsufficientPrivileges);
}
GPU_TEST(FakeCupti, GivesZeroTimes, {"FAKE_GPU_CUPTI", "zero"}) {
  Gpu gpu(cu, module_text());
  trace(cu);
  EXPECT_EQ(gpu.launch("fill", 1, 32, gpu.allocate(4096), 0), 0);
  EXPECT_EQ(cu.cuptiActivityFlushAll(0), 0);
  ASSERT_EQ(records().kernels.size(), 1u);
  EXPECT_EQ(records().kernels[0].end, 0u);
}

// --- tensor maps ---

GPU_TEST(FakeTensorMap, ArgumentsAreHeldToTheDriversRules) {
  abi::TensorMap map = {};
  const std::array<uint64_t, 2> dims = {64, 32};
  const std::array<uint32_t, 2> box = {32, 8}, ones = {1, 1};
  const auto encode = [&](uint64_t address, uint64_t stride, int swizzle) {
    return cu.cuTensorMapEncodeTiled(&map, 9, 2, reinterpret_cast<void*>(address), dims.data(), &stride,
                                     box.data(), ones.data(), 0, swizzle, 0, 0);
  };
  EXPECT_EQ(encode(0x1000, 128, 3), 0);
  EXPECT_EQ(encode(0x1008, 128, 3), 1) << "address";
  EXPECT_EQ(encode(0x1000, 120, 3), 1) << "stride";
  EXPECT_EQ(encode(0x1000, 128, 1), 1) << "64 bytes do not fit a swizzle of 32";
}

}  // namespace
}  // namespace warpwright::fake_gpu
