#include "evaluator/sim/instruction_forms.h"

namespace warpwright::sim {
namespace {

#define RND "{.rn,.rz,.rm,.rp,}"
#define DIRECTED "{.rn,.rz,.rm,.rp}"
#define FTZ "{.ftz,}"
#define SAT "{.sat,}"
#define RELU "{.relu,}"
#define INTEGERS "{.u16,.u32,.u64,.s16,.s32,.s64}"
#define COMPARE "{.eq,.ne,.lt,.le,.gt,.ge,.lo,.ls,.hi,.hs}"
#define COMPARE_FLOAT "{.eq,.ne,.lt,.le,.gt,.ge,.equ,.neu,.ltu,.leu,.gtu,.geu,.num,.nan}"
#define BOOLEAN "{.and,.or,.xor}"
#define SIGNS "{.u32,.s32}"
#define SEMANTICS "{.weak,.volatile,.relaxed,.acquire,.release,.acq_rel,}"
#define SCOPE "{.cta,.cluster,.gpu,.sys,}"
#define HINTS                                                                                   \
  "{.L1::evict_normal,.L1::evict_unchanged,.L1::evict_first,.L1::evict_last,.L1::no_allocate,}" \
  "{.L2::evict_normal,.L2::evict_first,.L2::evict_last,}{.L2::cache_hint,}{.L2::64B,.L2::128B,.L2::256B,}"
#define NARROW_TYPES "{.b8,.b16,.b32,.u8,.u16,.u32,.s8,.s16,.s32,.f32}"
#define WIDE_TYPES "{.b64,.u64,.s64,.f64}"
#define LOAD_SPACES \
  "{.global,.shared,.shared::cta,.shared::cluster,.local,.const,.param,.param::entry,.param::func,}"
#define STORE_SPACES "{.global,.shared,.shared::cta,.shared::cluster,.local,.param,.param::func,}"
#define LOAD_CACHE "{.ca,.cg,.cs,.lu,.cv,}"
#define STORE_CACHE "{.wb,.cg,.cs,.wt,}"

constexpr std::string_view kInteger = "Integer arithmetic";
constexpr std::string_view kBits = "Logic, shifts and bit fields";
constexpr std::string_view kFloat = "Floating point";
constexpr std::string_view kHalf = "Half precision";
constexpr std::string_view kMixed = "Packed and mixed precision";
constexpr std::string_view kCompare = "Comparison and selection";
constexpr std::string_view kConvert = "Conversion";
constexpr std::string_view kVideo = "Video";
constexpr std::string_view kMove = "Moves and addresses";
constexpr std::string_view kMemory = "Loads and stores";
constexpr std::string_view kAtomic = "Atomics";
constexpr std::string_view kWarp = "Warps";
constexpr std::string_view kControl = "Control";

constexpr std::string_view kTensor = "Matrices";
constexpr std::string_view kCluster = "Clusters, mbarriers and proxies";
constexpr std::string_view kBulk = "Bulk and tensor copies";
constexpr std::string_view kFlow = "Control flow, barriers and copies";

constexpr std::string_view kThree = "%t0, %t1, %t2", kFour = "%t0, %t1, %t2, %t3", kTwo = "%t0, %t1";

constexpr SupportedInstruction kForms[] = {
    {kInteger, "add" INTEGERS, kThree, ""},
    {kInteger, "add{.u16x2,.s16x2}", "%w0, %w1, %w2", ""},
    {kInteger, "sub" INTEGERS, kThree, ""},
    {kInteger, "{add,sub}.sat.s32", kThree, ""},
    {kInteger, "mul{.lo,.hi}" INTEGERS, kThree, ""},
    {kInteger, "mul.wide{.u16,.s16}", "%w0, %h1, %h2", ""},
    {kInteger, "mul.wide{.u32,.s32}", "%d0, %w1, %w2", ""},
    {kInteger, "mad{.lo,.hi}" INTEGERS, kFour, ""},
    {kInteger, "mad.hi.sat.s32", kFour, ""},
    {kInteger, "mad.wide{.u16,.s16}", "%w0, %h1, %h2, %w3", ""},
    {kInteger, "mad.wide{.u32,.s32}", "%d0, %w1, %w2, %d3", ""},
    {kInteger, "mul24{.lo,.hi}" SIGNS, kThree, ""},
    {kInteger, "mad24{.lo,.hi}" SIGNS, kFour, ""},
    {kInteger, "mad24.hi.sat.s32", kFour, ""},
    {kInteger, "sad" INTEGERS, kFour, ""},
    {kInteger, "{div,rem}" INTEGERS, kThree, "dividing by zero gives all ones, the remainder the dividend"},
    {kInteger, "{abs,neg}{.s16,.s32,.s64}", kTwo, ""},
    {kInteger, "{min,max}" INTEGERS, kThree, ""},
    {kInteger, "{min,max}{.u16x2,.s16x2}", "%w0, %w1, %w2", ""},
    {kInteger, "{min,max}.relu{.s16x2,.s32}", "%w0, %w1, %w2", ""},
    {kInteger, "{min,max}{.s16x2,.s32}.relu", "%w0, %w1, %w2", "the older order of the parts"},
    {kInteger, "{add,sub}.cc{.u32,.s32,.b32,.u64,.s64,.b64}", kThree, ""},
    {kInteger, "{addc,subc}{.cc,}{.u32,.s32,.b32,.u64,.s64,.b64}", kThree, ""},
    {kInteger, "mad{.lo,.hi}.cc{.u32,.s32,.u64,.s64}", kFour, ""},
    {kInteger, "madc{.lo,.hi}{.cc,}{.u32,.s32,.u64,.s64}", kFour, ""},
    {kInteger, "dp4a" SIGNS SIGNS, "%w0, %w1, %w2, %w3", ""},
    {kInteger, "dp2a{.lo,.hi}" SIGNS SIGNS, "%w0, %w1, %w2, %w3", ""},

    {kBits, "{and,or,xor}{.b16,.b32,.b64}", kThree, ""},
    {kBits, "{and,or,xor}.pred", "%p0, %p1, %p2", ""},
    {kBits, "{not,cnot}{.b16,.b32,.b64}", kTwo, ""},
    {kBits, "not.pred", "%p0, %p1", ""},
    {kBits, "lop3.b32", "%w0, %w1, %w2, %w3, 0x6a", ""},
    {kBits, "lop3{.or,.and}.b32", "%w0|%p0, %w1, %w2, %w3, 0x6a, %p1", ""},
    {kBits, "shl{.b16,.b32,.b64}", "%t0, %t1, %w2", "counts clamp at the width"},
    {kBits, "shr{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64}", "%t0, %t1, %w2", ""},
    {kBits, "shf{.l,.r}{.clamp,.wrap}.b32", "%w0, %w1, %w2, %w3", ""},
    {kBits, "prmt.b32{.f4e,.b4e,.rc8,.ecl,.ecr,.rc16,}", "%w0, %w1, %w2, %w3", ""},
    {kBits, "bfe{.u32,.u64,.s32,.s64}", "%t0, %t1, %w2, %w3", ""},
    {kBits, "bfi{.b32,.b64}", "%t0, %t1, %t2, %w3, %w4", ""},
    {kBits, "bfind{.shiftamt,}{.u32,.u64,.s32,.s64}", "%w0, %t1", ""},
    {kBits, "bmsk{.clamp,.wrap}.b32", kThree, ""},
    {kBits, "szext{.clamp,.wrap}" SIGNS, kThree, ""},
    {kBits, "fns.b32", "%w0, %w1, %w2, %w3", ""},
    {kBits, "{popc,clz}{.b32,.b64}", "%w0, %t1", ""},
    {kBits, "brev{.b32,.b64}", kTwo, ""},

    {kFloat, "{add,sub,mul}" RND FTZ SAT ".f32", kThree, ""},
    {kFloat, "{add,sub,mul}" RND ".f64", kThree, ""},
    {kFloat, "{fma,mad}" DIRECTED FTZ SAT ".f32", kFour, ""},
    {kFloat, "{fma,mad}" DIRECTED ".f64", kFour, ""},
    {kFloat, "mad" FTZ SAT ".f32", kFour, "as fma.rn"},
    {kFloat, "div{.rn,.rz,.rm,.rp,.approx,.full,}" FTZ ".f32", kThree, "approximations are exactly rounded"},
    {kFloat, "div" RND ".f64", kThree, ""},
    {kFloat, "{rcp,sqrt}{.rn,.rz,.rm,.rp,.approx,}" FTZ ".f32", kTwo, "approximations are exactly rounded"},
    {kFloat, "{rcp,sqrt}" RND ".f64", kTwo, ""},
    {kFloat, "{rcp,rsqrt}.approx.ftz.f64", kTwo, "upper words only"},
    {kFloat, "rsqrt.approx" FTZ ".f32", kTwo, "within an ulp of the exact result"},
    {kFloat, "rsqrt.approx.f64", kTwo, ""},
    {kFloat, "{sin,cos,lg2,ex2}.approx" FTZ ".f32", kTwo, "more exact than the hardware's approximations"},
    {kFloat, "tanh.approx.f32", kTwo, "more exact than the hardware's approximation"},
    {kFloat, "{abs,neg}" FTZ ".f32", kTwo, ""},
    {kFloat, "{abs,neg}.f64", kTwo, ""},
    {kFloat, "{min,max}" FTZ "{.NaN,}{.xorsign.abs,}.f32", kThree, ""},
    {kFloat, "{min,max}" FTZ "{.NaN,}{.abs,}.f32", kFour, "three operands: sm_100"},
    {kFloat, "{min,max}.f64", kThree, ""},
    {kFloat, "copysign{.f32,.f64}", kThree, ""},
    {kFloat, "testp{.finite,.infinite,.number,.notanumber,.normal,.subnormal}{.f32,.f64}", "%p0, %t1", ""},

    {kHalf, "{add,sub,mul}{.rn,}" FTZ SAT "{.f16,.f16x2}", kThree, ""},
    {kHalf, "{add,sub,mul}{.rn,}{.bf16,.bf16x2}", kThree, ""},
    {kHalf, "fma.rn" FTZ "{.sat,.relu,}{.f16,.f16x2}", kFour, ""},
    {kHalf, "fma.rn" RELU "{.bf16,.bf16x2}", kFour, ""},
    {kHalf, "{abs,neg}" FTZ "{.f16,.f16x2}", kTwo, ""},
    {kHalf, "{abs,neg}{.bf16,.bf16x2}", kTwo, ""},
    {kHalf, "{min,max}" FTZ "{.NaN,}{.xorsign.abs,}{.f16,.f16x2}", kThree, ""},
    {kHalf, "{min,max}{.NaN,}{.xorsign.abs,}{.bf16,.bf16x2}", kThree, ""},
    {kHalf, "tanh.approx{.f16,.f16x2,.bf16,.bf16x2}", kTwo, ""},
    {kHalf, "ex2.approx{.f16,.f16x2}", kTwo, ""},
    {kHalf, "ex2.approx.ftz{.f16,.f16x2,.bf16,.bf16x2}", kTwo, ""},

    {kMixed, "{add,sub,mul}" RND FTZ ".f32x2", "%d0, %d1, %d2", "sm_100"},
    {kMixed, "fma" DIRECTED FTZ ".f32x2", "%d0, %d1, %d2, %d3", "sm_100"},
    {kMixed, "{add,sub}" RND SAT ".f32{.f16,.bf16}", "%w0, %h1, %w2", "sm_100"},
    {kMixed, "fma" DIRECTED SAT ".f32{.f16,.bf16}", "%w0, %h1, %h2, %w3", "sm_100"},

    {kCompare, "setp" COMPARE "{.u16,.u32,.u64,.s16,.s32,.s64}", "%p0|%p1, %t1, %t2", ""},
    {kCompare, "setp{.eq,.ne}{.b16,.b32,.b64}", "%p0|%p1, %t1, %t2", ""},
    {kCompare, "setp" COMPARE_FLOAT FTZ "{.f32,.f16}", "%p0, %t1, %t2", ""},
    {kCompare, "setp" COMPARE_FLOAT "{.f64,.bf16}", "%p0, %t1, %t2", ""},
    {kCompare, "setp" COMPARE_FLOAT FTZ "{.f16x2,.bf16x2}", "%p0|%p1, %w1, %w2", ""},
    {kCompare, "setp" COMPARE BOOLEAN "{.u16,.u32,.u64,.s16,.s32,.s64}", "%p0|%p1, %t1, %t2, !%p2", ""},
    {kCompare, "setp{.eq,.ne}" BOOLEAN "{.b16,.b32,.b64}", "%p0, %t1, %t2, %p2", ""},
    {kCompare, "setp" COMPARE_FLOAT BOOLEAN FTZ "{.f32,.f16}", "%p0, %t1, %t2, %p2", ""},
    {kCompare, "setp" COMPARE_FLOAT BOOLEAN "{.f64,.bf16}", "%p0, %t1, %t2, %p2", ""},
    {kCompare, "setp" COMPARE_FLOAT BOOLEAN FTZ "{.f16x2,.bf16x2}", "%p0|%p1, %w1, %w2, %p2", ""},
    {kCompare, "set" COMPARE "{.u32,.s32,.f32}{.u16,.u32,.u64,.s16,.s32,.s64}", "%w0, %t1, %t2", ""},
    {kCompare, "set{.eq,.ne}{.u32,.s32,.f32}{.b16,.b32,.b64}", "%w0, %t1, %t2", ""},
    {kCompare, "set" COMPARE_FLOAT FTZ "{.u32,.s32,.f32}{.f32,.f64,.f16,.bf16}", "%w0, %t1, %t2", ""},
    {kCompare, "set" COMPARE_FLOAT FTZ "{.u16,.s16,.f16,.bf16}{.f32,.f64,.f16,.bf16}", "%h0, %t1, %t2", ""},
    {kCompare, "set" COMPARE "{.f16,.bf16}{.u16,.u32,.u64,.s16,.s32,.s64}", "%h0, %t1, %t2", ""},
    {kCompare, "set" COMPARE_FLOAT FTZ "{.u32,.s32,.f16x2,.bf16x2}{.f16x2,.bf16x2}", "%w0, %w1, %w2", ""},
    {kCompare, "set" COMPARE BOOLEAN "{.u32,.s32,.f32}{.u16,.u32,.u64,.s16,.s32,.s64}", "%w0, %t1, %t2, %p2",
     ""},
    {kCompare, "set" COMPARE_FLOAT BOOLEAN FTZ "{.u32,.s32,.f32}{.f32,.f64,.f16,.bf16}", "%w0, %t1, %t2, %p2",
     ""},
    {kCompare, "set" COMPARE_FLOAT BOOLEAN FTZ "{.u16,.s16,.f16,.bf16}{.f32,.f64,.f16,.bf16}",
     "%h0, %t1, %t2, %p2", ""},
    {kCompare, "set" COMPARE_FLOAT BOOLEAN FTZ "{.u32,.s32,.f16x2,.bf16x2}{.f16x2,.bf16x2}",
     "%w0, %w1, %w2, %p2", ""},
    {kCompare, "selp{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64}", "%t0, %t1, %t2, %p0", ""},
    {kCompare, "slct{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64}.s32", "%s0, %s1, %s2, %w3", ""},
    {kCompare, "slct" FTZ "{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64}.f32",
     "%s0, %s1, %s2, %w3", ""},

    {kConvert, "cvt" SAT "{.u8,.u16,.u32,.u64,.s8,.s16,.s32,.s64}{.u8,.u16,.u32,.u64,.s8,.s16,.s32,.s64}",
     "%s0, %t1", ""},
    {kConvert,
     "cvt{.rni,.rzi,.rmi,.rpi,.rn,.rz,.rm,.rp,}" FTZ SAT
     "{.u8,.u16,.u32,.u64,.s8,.s16,.s32,.s64}{.f16,.bf16,.f32,.f64}",
     "%s0, %t1", "out of range: the nearest end; NaN: 0"},
    {kConvert, "cvt" RND FTZ SAT "{.f16,.bf16,.f32,.f64}{.u8,.u16,.u32,.u64,.s8,.s16,.s32,.s64}", "%s0, %t1",
     ""},
    {kConvert,
     "cvt{.rn,.rz,.rm,.rp,.rni,.rzi,.rmi,.rpi,}" FTZ SAT "{.f16,.bf16,.f32,.f64}{.f16,.bf16,.f32,.f64}",
     "%s0, %t1", ""},
    {kConvert, "cvt{.rn,.rz}" RELU "{.satfinite,}{.f16,.bf16}.f32", "%h0, %w1", ""},
    {kConvert, "cvt{.rn,.rz}" FTZ RELU "{.satfinite,}{.f16x2,.bf16x2}.f32", "%w0, %w1, %w2", ""},
    {kConvert, "cvt.rs" RELU "{.satfinite,}{.f16x2,.bf16x2}.f32", "%w0, %w1, %w2, %w3",
     "sm_100; random bits meet the first bits that fall away"},
    {kConvert, "cvt.rna{.satfinite,}.tf32.f32", "%w0, %w1", ""},
    {kConvert, "cvt{.rn,.rz}{.satfinite,}" RELU ".tf32.f32", "%w0, %w1", ""},
    {kConvert, "cvt.rn.satfinite" RELU "{.e4m3x2,.e5m2x2,.e2m3x2,.e3m2x2,.e2m1x2}.f32", "%h0, %w1, %w2",
     "fp6 and fp4: sm_100"},
    {kConvert, "cvt.rn" RELU ".satfinite{.e4m3x2,.e5m2x2,.e2m3x2,.e3m2x2,.e2m1x2}.f32", "%h0, %w1, %w2", ""},
    {kConvert, "cvt.rn.satfinite" RELU "{.e4m3x2,.e5m2x2}.f16x2", "%h0, %w1", ""},
    {kConvert, "cvt.rn" RELU ".satfinite{.e4m3x2,.e5m2x2}.f16x2", "%h0, %w1", ""},
    {kConvert, "cvt.rn" RELU ".f16x2{.e4m3x2,.e5m2x2,.e2m3x2,.e3m2x2,.e2m1x2}", "%w0, %h1", ""},
    {kConvert, "cvt.rs" RELU ".satfinite{.e4m3x4,.e5m2x4,.e2m3x4,.e3m2x4}.f32",
     "%w0, {%w1, %w2, %w3, %w4}, %w5", "sm_100; each half of the random bits serves two elements"},
    {kConvert, "cvt.rs" RELU ".satfinite.e2m1x4.f32", "%h0, {%w1, %w2, %w3, %w4}, %w5", "sm_100"},
    {kConvert, "cvt{.rz,.rp}{.satfinite,}.ue8m0x2.f32", "%h0, %w1, %w2", "sm_100; of the magnitude"},
    {kConvert, "cvt{.rz,.rp}{.satfinite,}.ue8m0x2.bf16x2", "%h0, %w1", "sm_100; of the magnitude"},
    {kConvert, "cvt.rn.bf16x2.ue8m0x2", "%w0, %h1", "sm_100"},
    {kConvert, "cvt.pack.sat{.u16,.s16}.s32", "%w0, %w1, %w2", ""},
    {kConvert, "cvt.pack.sat{.u2,.s2,.u4,.s4,.u8,.s8}.s32.b32", "%w0, %w1, %w2, %w3", ""},

    {kVideo, "{vadd,vsub,vabsdiff,vmin,vmax}" SIGNS SIGNS SIGNS SAT, "%w0, %w1.b2, %w2.h1", ""},
    {kVideo, "{vadd,vsub,vabsdiff,vmin,vmax}" SIGNS SIGNS SIGNS SAT "{.add,.min,.max}",
     "%w0, %w1.b2, %w2.h1, %w3", ""},
    {kVideo, "{vshl,vshr}" SIGNS SIGNS ".u32" SAT "{.clamp,.wrap}{.add,.min,.max}", "%w0, %w1, %w2.b0, %w3",
     ""},
    {kVideo, "{vshl,vshr}" SIGNS SIGNS ".u32" SAT "{.clamp,.wrap}", "%w0.b1, %w1, %w2.b0, %w3", ""},
    {kVideo, "vset" SIGNS SIGNS "{.eq,.ne,.lt,.le,.gt,.ge}", "%w0.h1, %w1, %w2.b0, %w3", ""},
    {kVideo, "vset" SIGNS SIGNS "{.eq,.ne,.lt,.le,.gt,.ge}{.add,.min,.max}", "%w0, %w1, %w2.b0, %w3", ""},
    {kVideo, "vmad" SIGNS SIGNS SIGNS SAT "{.shr7,.shr15,}", "%w0, -%w1.h0, %w2, %w3", ""},
    {kVideo, "vmad" SIGNS SIGNS SIGNS ".po" SAT "{.shr7,.shr15,}", "%w0, %w1.h0, %w2, %w3", ""},
    {kVideo, "{vadd2,vsub2,vavrg2,vabsdiff2,vmin2,vmax2}" SIGNS SIGNS SIGNS "{.sat,.add,}",
     "%w0.h1, %w1.h20, %w2.h31, %w3", ""},
    {kVideo, "{vadd4,vsub4,vavrg4,vabsdiff4,vmin4,vmax4}" SIGNS SIGNS SIGNS "{.sat,.add,}",
     "%w0.b20, %w1.b7531, %w2, %w3", ""},
    {kVideo, "vset2" SIGNS SIGNS "{.eq,.ne,.lt,.le,.gt,.ge}{.add,}", "%w0, %w1.h20, %w2, %w3", ""},
    {kVideo, "vset4" SIGNS SIGNS "{.eq,.ne,.lt,.le,.gt,.ge}{.add,}", "%w0, %w1.b7531, %w2, %w3", ""},

    {kMove, "mov{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64}", kTwo,
     "also of special registers and addresses"},
    {kMove, "mov.pred", "%p0, %p1", ""},
    {kMove, "mov.b128", "%q0, {%d1, %d2}", "also {%d1, %d2}, %q0 and %q0, %q1"},
    {kMove, "mov.b32", "{%h0, %h1}, %w0", "pieces: 2 or 4, either way"},
    {kMove, "mov.b64", "%d0, {%h0, %h1, %h2, %h3}", "pieces: 2, 4 or 8, either way"},
    {kMove,
     "cvta{.to,}{.global,.shared,.shared::cta,.shared::cluster,.local,.const,.param,.param::entry}.u64",
     "%d0, %d1", ""},
    {kMove, "isspacep{.global,.shared,.shared::cta,.shared::cluster,.local,.const,.param,.param::entry}",
     "%p0, %d1", "const and param: false"},
    {kMove, "mapa{.u32,.u64}", "%t0, %t1, %w2", ""},
    {kMove, "mapa.shared::cluster{.u32,.u64}", "%t0, %t1, %w2", ""},
    {kMove, "getctarank{.u32,.u64}", "%w0, %t1", ""},
    {kMove, "getctarank.shared::cluster{.u32,.u64}", "%w0, %t1", ""},
    {kMove,
     "createpolicy{.range,.fractional,.cvt}{.global,}{.L2::evict_last,.L2::evict_normal,.L2::evict_first,"
     ".L2::evict_unchanged,.L2}{.L2::evict_first,.L2::evict_unchanged,}.b64",
     "%d0, 1.0", "policies are ignored"},

    {kMemory,
     "~ld" SEMANTICS SCOPE "{.mmio,}" LOAD_SPACES LOAD_CACHE "{.nc,}" HINTS "{.v2,.v4,}" NARROW_TYPES, "",
     "cache hints are ignored; .volatile, .relaxed, .acquire and .mmio order other accesses"},
    {kMemory, "~ld" SEMANTICS SCOPE "{.mmio,}" LOAD_SPACES LOAD_CACHE "{.nc,}" HINTS "{.v2,}" WIDE_TYPES, "",
     ""},
    {kMemory, "~ld.global" SEMANTICS SCOPE LOAD_CACHE "{.nc,}" HINTS ".v4" WIDE_TYPES, "", "sm_100"},
    {kMemory, "~ld.global" SEMANTICS SCOPE LOAD_CACHE "{.nc,}" HINTS ".v8{.b32,.u32,.s32,.f32}", "",
     "sm_100"},
    {kMemory, "~ld" SEMANTICS SCOPE LOAD_SPACES LOAD_CACHE "{.nc,}" HINTS ".b128", "", ""},
    {kMemory, "~ldu{.global,}{.v2,.v4,}" NARROW_TYPES, "", ""},
    {kMemory, "~ldu{.global,}{.v2,}" WIDE_TYPES, "", ""},
    {kMemory, "~st" SEMANTICS SCOPE "{.mmio,}" STORE_SPACES STORE_CACHE HINTS "{.v2,.v4,}" NARROW_TYPES, "",
     ""},
    {kMemory, "~st" SEMANTICS SCOPE "{.mmio,}" STORE_SPACES STORE_CACHE HINTS "{.v2,}" WIDE_TYPES, "", ""},
    {kMemory, "~st.global" SEMANTICS SCOPE STORE_CACHE HINTS ".v4" WIDE_TYPES, "", "sm_100"},
    {kMemory, "~st.global" SEMANTICS SCOPE STORE_CACHE HINTS ".v8{.b32,.u32,.s32,.f32}", "", "sm_100"},
    {kMemory, "~st" SEMANTICS SCOPE STORE_SPACES STORE_CACHE HINTS ".b128", "", ""},
    {kMemory,
     "~prefetch{.global,.local,.const,.param,.tensormap,}{.L1,.L2,.L2::evict_last,.L2::evict_normal,}", "",
     "no effect"},
    {kMemory, "prefetchu.L1", "[%a]", "no effect"},
    {kMemory, "~discard{.global,}.L2", "", "no effect"},
    {kMemory, "~applypriority{.global,}.L2::evict_normal", "", "no effect"},

    {kAtomic,
     "~atom" SEMANTICS SCOPE "{.global,.shared,.shared::cta,.shared::cluster,}{.and,.or,.xor,.exch,.cas}{.L2:"
     ":cache_hint,}{.b32,.b64}",
     "", ""},
    {kAtomic,
     "~atom" SEMANTICS SCOPE
     "{.global,.shared,.shared::cta,.shared::cluster,}{.exch,.cas}{.L2::cache_hint,}{.b16,.u32,.s32,."
     "f32,.u64,.s64,.f64,.b128}",
     "", ""},
    {kAtomic,
     "~atom" SEMANTICS SCOPE "{.global,.shared,.shared::cta,.shared::cluster,}{.add,.min,.max}{.L2::cache_"
     "hint,}{.u32,.s32,.u64,.s64}",
     "", ""},
    {kAtomic,
     "~atom" SEMANTICS SCOPE
     "{.global,.shared,.shared::cta,.shared::cluster,}{.inc,.dec}{.L2::cache_hint,}.u32",
     "", ""},
    {kAtomic,
     "~atom" SEMANTICS SCOPE
     "{.global,.shared,.shared::cta,.shared::cluster,}.add{.L2::cache_hint,}{.f32,.f64}",
     "", "f32 on global memory flushes denormals"},
    {kAtomic,
     "~atom" SEMANTICS SCOPE "{.global,.shared,.shared::cta,.shared::cluster,}{.add,.min,.max}.noftz{.L2::"
     "cache_hint,}{.f16,.bf16,.f16x2,.bf16x2}",
     "", ""},
    {kAtomic, "~atom" SEMANTICS SCOPE "{.global,}.add{.L2::cache_hint,}{.v2,.v4}.f32", "", ""},
    {kAtomic,
     "~atom" SEMANTICS SCOPE "{.global,}{.add,.min,.max}.noftz{.L2::cache_hint,}{.v2,.v4,.v8}{.f16,.bf16}",
     "", ""},
    {kAtomic,
     "~atom" SEMANTICS SCOPE "{.global,}{.add,.min,.max}.noftz{.L2::cache_hint,}{.v2,.v4}{.f16x2,.bf16x2}",
     "", ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE
     "{.global,.shared,.shared::cta,.shared::cluster,}{.and,.or,.xor}{.L2::cache_hint,}{.b32,.b64}",
     "", ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE "{.global,.shared,.shared::cta,.shared::cluster,}{.add,.min,.max}{.L2::cache_"
     "hint,}{.u32,.s32,.u64,.s64}",
     "", ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE
     "{.global,.shared,.shared::cta,.shared::cluster,}{.inc,.dec}{.L2::cache_hint,}.u32",
     "", ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE
     "{.global,.shared,.shared::cta,.shared::cluster,}.add{.L2::cache_hint,}{.f32,.f64}",
     "", ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE "{.global,.shared,.shared::cta,.shared::cluster,}{.add,.min,.max}.noftz{.L2::"
     "cache_hint,}{.f16,.bf16,.f16x2,.bf16x2}",
     "", ""},
    {kAtomic, "~red" SEMANTICS SCOPE "{.global,}.add{.L2::cache_hint,}{.v2,.v4}.f32", "", ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE "{.global,}{.add,.min,.max}.noftz{.L2::cache_hint,}{.v2,.v4,.v8}{.f16,.bf16}", "",
     ""},
    {kAtomic,
     "~red" SEMANTICS SCOPE "{.global,}{.add,.min,.max}.noftz{.L2::cache_hint,}{.v2,.v4}{.f16x2,.bf16x2}", "",
     ""},

    {kWarp, "shfl.sync{.up,.down,.bfly,.idx}.b32", "%w0|%p0, %w1, %w2, 31, -1", ""},
    {kWarp, "shfl{.up,.down,.bfly,.idx}.b32", "%w0, %w1, %w2, 31", ""},
    {kWarp, "vote.sync{.all,.any,.uni}.pred", "%p0, !%p1, -1", ""},
    {kWarp, "vote.sync.ballot.b32", "%w0, %p1, -1", ""},
    {kWarp, "match.any.sync{.b32,.b64}", "%w0, %t1, -1", ""},
    {kWarp, "match.all.sync{.b32,.b64}", "%w0|%p0, %t1, -1", ""},
    {kWarp, "match.sync{.any,.all}{.b32,.b64}", "%w0, %t1, -1", "the other order of the parts"},
    {kWarp, "redux.sync{.add,.min,.max}{.u32,.s32}", "%w0, %w1, -1", ""},
    {kWarp, "redux.sync{.and,.or,.xor}.b32", "%w0, %w1, -1", ""},
    {kWarp, "redux.sync{.min,.max}{.abs,}{.NaN,}.f32", "%w0, %w1, -1", "sm_100"},
    {kWarp, "activemask.b32", "%w0", ""},
    {kWarp, "elect.sync", "%w0|%p0, -1", ""},

    {kControl, "{trap,brkpt}", "", "ends the launch"},
    {kControl, "nanosleep.u32", "%w0", "no effect"},
    {kControl, "pmevent{.mask,}", "1", "no effect"},
};

#define NARROW_FLOATS "{.e4m3,.e5m2,.e2m3,.e3m2,.e2m1}"
#define SHARED "{.shared,.shared::cta,}"
// Listed only: what decodes these knows more than a list can say (ops/matrix_forms.cpp, decode/calls.cpp).
constexpr SupportedInstruction kOthers[] = {
    {kTensor, "mma.sync.aligned{.m16n8k8,.m16n8k16}.row.col.f16.f16.f16.f16", "", ""},
    {kTensor, "mma.sync.aligned{.m16n8k8,.m16n8k16}.row.col.f32{.f16.f16,.bf16.bf16}.f32", "", ""},
    {kTensor, "mma.sync.aligned{.m16n8k4,.m16n8k8}.row.col.f32.tf32.tf32.f32", "", ""},
    {kTensor, "mma.sync.aligned{.m8n8k4,.m16n8k4,.m16n8k8,.m16n8k16}.row.col.f64.f64.f64.f64", "", ""},
    {kTensor, "mma.sync.aligned.m8n8k4{.row,.col}{.row,.col}{.f16.f16.f16.f16,.f32.f16.f16.f32}", "",
     "four products"},
    {kTensor, "mma.sync.aligned{.m8n8k16,.m16n8k16,.m16n8k32}.row.col{.satfinite,}.s32{.u8,.s8}{.u8,.s8}.s32",
     "", ""},
    {kTensor, "mma.sync.aligned{.m8n8k32,.m16n8k32,.m16n8k64}.row.col{.satfinite,}.s32{.u4,.s4}{.u4,.s4}.s32",
     "", ""},
    {kTensor, "mma.sync.aligned{.m8n8k128,.m16n8k128,.m16n8k256}.row.col.s32.b1.b1.s32{.xor,.and}.popc", "",
     ""},
    {kTensor, "mma.sync.aligned.m16n8k32.row.col{.f16,.f32}{.e4m3,.e5m2}{.e4m3,.e5m2}{.f16,.f32}", "",
     "accumulators of one type"},
    {kTensor, "mma.sync.aligned.m16n8k32.row.col.kind::f8f6f4.f32" NARROW_FLOATS NARROW_FLOATS ".f32", "",
     "sm_120"},
    {kTensor,
     "mma.sync.aligned.m16n8k32.row.col.kind::mxf8f6f4.block_scale.scale_vec::1X.f32" NARROW_FLOATS
         NARROW_FLOATS ".f32.ue8m0",
     "", "sm_120"},
    {kTensor,
     "mma.sync.aligned.m16n8k64.row.col.kind::mxf4.block_scale.scale_vec::2X.f32.e2m1.e2m1.f32.ue8m0", "",
     "sm_120"},
    {kTensor,
     "mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale{.scale_vec::2X.f32.e2m1.e2m1.f32.ue8m0,"
     ".scale_vec::4X.f32.e2m1.e2m1.f32.ue8m0,.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3}",
     "", "sm_120"},
    {kTensor,
     "mma.sp::ordered_metadata.sync.aligned{.m16n8k16,.m16n8k32}.row.col.f32{.f16.f16,.bf16.bf16}.f32", "",
     "sparse forms of the other types too"},
    {kTensor,
     "wmma.mma.sync.aligned{.row,.col}{.row,.col}{.m16n16k16,.m8n32k16,.m32n8k16}{.f16,.f32}{.f16,.f32}", "",
     "also bf16, tf32, f64, s8, u8, s4, u4 and b1"},
    {kTensor,
     "wmma.load{.a,.b}.sync.aligned{.row,.col}{.m16n16k16,.m8n32k16,.m32n8k16}{.global,.shared,}"
     "{.f16,.bf16,.s8,.u8}",
     "", ""},
    {kTensor,
     "wmma.load.c.sync.aligned{.row,.col}{.m16n16k16,.m8n32k16,.m32n8k16}{.global,.shared,}{.f16,.f32,.s32}",
     "", ""},
    {kTensor,
     "wmma.store.d.sync.aligned{.row,.col}{.m16n16k16,.m8n32k16,.m32n8k16}{.global,.shared,}{.f16,.f32,.s32}",
     "", ""},
    {kTensor, "{ldmatrix,stmatrix}.sync.aligned.m8n8{.x1,.x2,.x4}{.trans,}" SHARED ".b16", "", ""},
    {kTensor, "ldmatrix.sync.aligned.m16n16{.x1,.x2}.trans" SHARED "{.b8,.b8x16.b6x16_p32,.b8x16.b4x16_p64}",
     "", "sm_100"},
    {kTensor, "ldmatrix.sync.aligned.m8n16{.x1,.x2,.x4}" SHARED "{.b8x16.b6x16_p32,.b8x16.b4x16_p64}", "",
     "sm_100"},
    {kTensor, "stmatrix.sync.aligned.m16n8{.x1,.x2,.x4}.trans" SHARED ".b8", "", "sm_100"},
    {kTensor, "movmatrix.sync.aligned.m8n8.trans.b16", "", ""},
    {kTensor, "wgmma{.fence,.commit_group,.wait_group}.sync.aligned", "", ""},
    {kTensor, "wgmma.mma_async.sync.aligned{.m64n8k16,.m64n256k16}{.f16.f16.f16,.f32.f16.f16,.f32.bf16.bf16}",
     "", "every n that is a multiple of 8; lands when it is waited for"},
    {kTensor, "wgmma.mma_async.sync.aligned{.m64n8k8,.m64n256k8}.f32.tf32.tf32", "", ""},
    {kTensor, "wgmma.mma_async.sync.aligned{.m64n8k32,.m64n256k32}{.f16,.f32}{.e4m3,.e5m2}{.e4m3,.e5m2}", "",
     ""},
    {kTensor, "wgmma.mma_async.sync.aligned{.m64n8k32,.m64n256k32}{.satfinite,}.s32{.s8,.u8}{.s8,.u8}", "",
     ""},
    {kTensor, "wgmma.mma_async.sync.aligned{.m64n8k256,.m64n256k256}.s32.b1.b1.and.popc", "", ""},
    {kTensor, "tcgen05.alloc{.cta_group::1,.cta_group::2}.sync.aligned{.shared::cta,}.b32", "[%a], %w0",
     "sm_100a, as all tcgen05; not verified on hardware"},
    {kTensor, "tcgen05.dealloc{.cta_group::1,.cta_group::2}.sync.aligned.b32", "%w0, %w1", ""},
    {kTensor, "tcgen05.relinquish_alloc_permit{.cta_group::1,.cta_group::2}.sync.aligned", "", ""},
    {kTensor, "tcgen05.ld.sync.aligned{.32x32b,.16x64b,.16x128b,.16x256b,.16x32bx2}.x1{.pack::16b,}.b32", "",
     "up to 128 registers"},
    {kTensor, "tcgen05.st.sync.aligned{.32x32b,.16x64b,.16x128b,.16x256b,.16x32bx2}.x1{.unpack::16b,}.b32",
     "", ""},
    {kTensor, "tcgen05{.wait::ld,.wait::st}.sync.aligned", "", ""},
    {kTensor, "tcgen05{.fence::before_thread_sync,.fence::after_thread_sync}", "", ""},
    {kTensor,
     "tcgen05.cp{.cta_group::1,.cta_group::2}{.128x256b,.4x256b,.128x128b,.64x128b.warpx2::02_13,"
     ".64x128b.warpx2::01_23,.32x128b.warpx4}{.b8x16.b6x16_p32,.b8x16.b4x16_p64,}",
     "[%w0], %d1", ""},
    {kTensor, "tcgen05.shift{.cta_group::1,.cta_group::2}.down", "[%w0]", ""},
    {kTensor,
     "tcgen05.commit{.cta_group::1,.cta_group::2}.mbarrier::arrive::one{.shared::cluster,}"
     "{.multicast::cluster,}.b64",
     "[%a]", ""},
    {kTensor, "tcgen05.mma{.cta_group::1,.cta_group::2}{.kind::f16,.kind::tf32,.kind::f8f6f4,.kind::i8}", "",
     "dense; A in shared or tensor memory"},
    {kTensor,
     "tcgen05.mma{.cta_group::1,.cta_group::2}{.kind::mxf8f6f4.block_scale.scale_vec::1X,"
     ".kind::mxf4.block_scale.scale_vec::2X,.kind::mxf4nvf4.block_scale.scale_vec::2X,"
     ".kind::mxf4nvf4.block_scale.scale_vec::4X}",
     "", "also .block16 and .block32"},
    {kFlow, "bra{.uni,}", "label", ""},
    {kFlow, "brx.idx{.uni,}", "%w0, labels", ""},
    {kFlow, "call{.uni,}", "(result), function, (arguments)", "direct and through registers"},
    {kFlow, "ret{.uni,}", "", ""},
    {kFlow, "exit", "", ""},
    {kFlow, "alloca{.u32,.u64}", "%d0, %d1", ""},
    {kFlow, "{stacksave,stackrestore}{.u32,.u64}", "%d0", ""},
    {kFlow, "{bar,barrier}{.cta,}{.sync,.arrive}{.aligned,}", "0, 256", ""},
    {kFlow, "{bar,barrier}{.cta,}.red{.popc,.and,.or}{.aligned,}{.u32,.pred}", "%w0, 0, %p1", ""},
    {kFlow, "bar.warp.sync", "-1", ""},
    {kFlow, "membar{.cta,.gl,.sys}", "", ""},
    {kFlow, "~fence{.sc,.acq_rel,.acquire,.release,}{.cta,.cluster,.gpu,.sys,}", "",
     "other fences have no effect"},
    {kFlow, "cp.async{.ca,.cg}.shared{::cta,}.global{.L2::cache_hint,}{.L2::64B,.L2::128B,.L2::256B,}",
     "[%a], [%d0], 16", "arrives when it is waited for"},
    {kFlow, "cp.async{.commit_group,.wait_group,.wait_all}", "", ""},
    {kFlow, "griddepcontrol{.wait,.launch_dependents}", "",
     "grids run one after the other; accesses before the wait are found"},
    {kCluster, "barrier.cluster.arrive{.release,.relaxed,}{.aligned,}", "", ""},
    {kCluster, "barrier.cluster.wait{.acquire,}{.aligned,}", "", ""},
    {kCluster, "mbarrier.init" SHARED ".b64", "[%a], %w0", ""},
    {kCluster, "mbarrier.inval" SHARED ".b64", "[%a]", ""},
    {kCluster,
     "mbarrier{.expect_tx,.complete_tx}{.relaxed,}{.cta,.cluster,}{.shared,.shared::cta,.shared::cluster,}."
     "b64",
     "[%a], %w0", ""},
    {kCluster,
     "mbarrier{.arrive,.arrive_drop}{.expect_tx,}{.release,.relaxed,}{.cta,.cluster,}{.shared,.shared::cta,."
     "shared::"
     "cluster,}.b64",
     "%d0, [%a], %w1", "the state may be _"},
    {kCluster, "mbarrier{.arrive,.arrive_drop}.noComplete{.release,}{.cta,}" SHARED ".b64", "%d0, [%a], %w1",
     ""},
    {kCluster, "mbarrier{.test_wait,.try_wait}{.acquire,.relaxed,}{.cta,.cluster,}" SHARED ".b64",
     "%p0, [%a], %d1", "try_wait waits until nothing else can go on"},
    {kCluster, "mbarrier{.test_wait,.try_wait}.parity{.acquire,.relaxed,}{.cta,.cluster,}" SHARED ".b64",
     "%p0, [%a], %w1", ""},
    {kCluster, "mbarrier.pending_count.b64", "%w0, %d1", ""},
    {kCluster, "cp.async.mbarrier.arrive{.noinc,}" SHARED ".b64", "[%a]", ""},
    {kCluster, "fence.proxy.async{.global,.shared::cta,.shared::cluster,}", "", ""},
    {kCluster, "fence.mbarrier_init.release.cluster", "", ""},
    {kBulk,
     "~cp.async.bulk{.shared::cta,.shared::cluster}.global.mbarrier::complete_tx::bytes"
     "{.multicast::cluster,}{.L2::cache_hint,}",
     "[%a], [%d0], %w1, [%a]", "arrives when its mbarrier is waited for"},
    {kBulk, "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes", "[%a], [%a], %w1, [%a]",
     ""},
    {kBulk, "~cp.async.bulk.global.shared::cta.bulk_group{.L2::cache_hint,}{.cp_mask,}", "[%d0], [%a], %w1",
     "arrives at wait_group"},
    {kBulk, "cp.async.bulk{.commit_group,.wait_group,.wait_group.read}", "", ""},
    {kBulk,
     "~cp.reduce.async.bulk.global.shared::cta.bulk_group{.L2::cache_hint,}"
     "{.add,.min,.max,.inc,.dec,.and,.or,.xor}{.noftz,}"
     "{.u32,.s32,.b32,.u64,.s64,.b64,.f16,.bf16,.f32,.f64}",
     "[%d0], [%a], %w1", "the pairs of the ISA's table"},
    {kBulk,
     "~cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes"
     "{.add,.min,.max,.inc,.dec,.and,.or,.xor}{.u32,.s32,.b32,.u64}",
     "[%a], [%a], %w1, [%a]", "the pairs of the ISA's table"},
    {kBulk,
     "~cp.async.bulk.tensor{.1d,.2d,.3d,.4d,.5d}{.shared::cta,.shared::cluster}.global"
     "{.tile,.tile::gather4,}.mbarrier::complete_tx::bytes{.multicast::cluster,}{.cta_group::1,.cta_group::2,"
     "}"
     "{.L2::cache_hint,}",
     "[%a], [%d0, {%w1, %w2}], [%a]", "interleaved maps and im2col are refused"},
    {kBulk,
     "~cp.async.bulk.tensor{.1d,.2d,.3d,.4d,.5d}.global.shared::cta{.tile,.tile::scatter4,}.bulk_group"
     "{.L2::cache_hint,}",
     "[%d0, {%w1, %w2}], [%a]", ""},
    {kBulk,
     "~cp.reduce.async.bulk.tensor{.1d,.2d,.3d,.4d,.5d}.global.shared::cta"
     "{.add,.min,.max,.inc,.dec,.and,.or,.xor}{.tile,}.bulk_group{.L2::cache_hint,}",
     "[%d0, {%w1, %w2}], [%a]", ""},
    {kBulk, "~cp.async.bulk.prefetch{.tensor,}{.1d,.2d,.3d,.4d,.5d,}.L2.global{.tile,.tile::gather4,}", "",
     "no effect"},
    {kBulk,
     "~st.async{.weak,}{.shared::cluster,}.mbarrier::complete_tx::bytes{.v2,.v4,}"
     "{.b32,.b64,.u32,.u64,.s32,.s64,.f32,.f64}",
     "[%a], %t0, [%a]", ""},
    {kBulk,
     "~red.async.relaxed.cluster{.shared::cluster,}.mbarrier::complete_tx::bytes"
     "{.add,.min,.max,.inc,.dec,.and,.or,.xor}{.u32,.s32,.b32,.u64}",
     "[%a], %t0, [%a]", "the pairs of the ISA's table"},
    {kBulk,
     "tensormap.replace.tile{.global_address,.rank,.box_dim,.global_dim,.global_stride,.element_stride,"
     ".elemtype,.interleave_layout,.swizzle_mode,.swizzle_atomicity,.fill_mode}{.global,.shared::cta,}.b1024"
     "{.b32,.b64}",
     "[%d0], %t1", ""},
    {kBulk, "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned",
     "[%d0], [%a], 128", ""},
    {kFlow, "setmaxnreg{.inc,.dec}.sync.aligned.u32", "64",
     "an increase waits for registers of the block; ignored, as by ptxas, without .maxnreg or .minnctapersm"},
};

}  // namespace

std::span<const SupportedInstruction> instruction_forms() {
  return kForms;
}

std::span<const SupportedInstruction> other_forms() {
  return kOthers;
}

}  // namespace warpwright::sim
