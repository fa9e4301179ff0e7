#!/usr/bin/env python3
"""Writes testdata/cute_*.ptx: what CUTLASS's Python DSL makes of matrix products, for the simulator's tests.

Needs `pip install nvidia-cutlass-dsl` (made with 4.8.1) and no GPU: fake tensors stand for the arguments, and the
target comes from the environment. All compute C = A B^T, row-major, f32 out: tensor copies feed the stages, one warp or
warp group multiplies. On sm_90a with wgmma; on sm_100a with tcgen05 by one block or by two together.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TARGETS = ("sm_90a", "sm_100a")
if len(sys.argv) < 2:  # the target is read once, when the package is loaded
    for target in TARGETS:
        with tempfile.TemporaryDirectory() as dump:
            subprocess.run([sys.executable, "-W", "ignore", __file__, target], check=True, env={
                **os.environ, "CUTE_DSL_ARCH": target, "CUTE_DSL_KEEP": "ptx", "CUTE_DSL_DUMP_DIR": dump,
                "CUTE_DSL_DISABLE_FILE_CACHING": "1"})
    sys.exit()

import cutlass
import cutlass.cute as cute
import cutlass.memory as memory
import cutlass.pipeline as pipeline
import cutlass.utils.blackwell_helpers as sm100
import cutlass.utils.hopper_helpers as sm90
from cutlass.cute.nvgpu import OperandMajorMode, cpasync, tcgen05, warpgroup
from cutlass.cute.runtime import make_fake_compact_tensor
from cutlass.utils import LayoutEnum

ONE_THREAD = lambda count=1: pipeline.CooperativeGroup(pipeline.Agent.Thread, count)


class HopperGemm:
    """Warp 4 fetches, a warp group multiplies."""

    def __init__(self, element, tile, stages):
        self.element, self.tile, self.stages = element, tile, stages

    @cute.jit
    def __call__(self, a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
        major = OperandMajorMode.K
        mma = sm90.make_trivial_tiled_mma(self.element, self.element, major, major, cutlass.Float32, (1, 1, 1),
                                          (64, self.tile[1]))
        a_layout = sm90.make_smem_layout_a(LayoutEnum.from_tensor(a), self.tile, self.element, self.stages)
        b_layout = sm90.make_smem_layout_b(LayoutEnum.from_tensor(b), self.tile, self.element, self.stages)
        fetch = cpasync.CopyBulkTensorTileG2SOp()
        a_copy, a_map = cpasync.make_tiled_tma_atom(fetch, a, cute.slice_(a_layout, (None, None, 0)),
                                                    (self.tile[0], self.tile[2]))
        b_copy, b_map = cpasync.make_tiled_tma_atom(fetch, b, cute.slice_(b_layout, (None, None, 0)),
                                                    (self.tile[1], self.tile[2]))
        self.kernel(mma, a_copy, a_map, b_copy, b_map, c, a_layout, b_layout).launch(
            grid=(c.shape[0] // self.tile[0], c.shape[1] // self.tile[1], 1), block=(160, 1, 1))

    @cute.kernel
    def kernel(self, mma: cute.TiledMma, a_copy: cute.CopyAtom, a: cute.Tensor, b_copy: cute.CopyAtom, b: cute.Tensor,
               c: cute.Tensor, a_layout: cute.ComposedLayout, b_layout: cute.ComposedLayout):
        thread, _, _ = cute.arch.thread_idx()
        block_x, block_y, _ = cute.arch.block_idx()
        warp = cute.arch.make_warp_uniform(cute.arch.warp_idx())

        @cute.struct
        class Shared:
            barriers: cute.struct.MemRange[cutlass.Int64, self.stages * 2]

        allocator = memory.SmemAllocator()
        shared = allocator.allocate(Shared)
        a_tiles = allocator.allocate_tensor(self.element, a_layout.outer, 1024, swizzle=a_layout.inner)
        b_tiles = allocator.allocate_tensor(self.element, b_layout.outer, 1024, swizzle=b_layout.inner)
        stage_bytes = (cute.size_in_bytes(self.element, cute.slice_(a_layout, (None, None, 0))) +
                       cute.size_in_bytes(self.element, cute.slice_(b_layout, (None, None, 0))))
        producer, consumer = pipeline.PipelineTmaAsync.create(
            num_stages=self.stages, producer_group=ONE_THREAD(), consumer_group=ONE_THREAD(4), tx_count=stage_bytes,
            barrier_storage=shared.barriers.data_ptr(),
            cta_layout_vmnk=cute.make_layout((1, 1, 1, 1))).make_participants()

        where = (block_x, block_y, None)
        a_tile = cute.local_tile(a, self.tile, where, proj=(1, None, 1))
        b_tile = cute.local_tile(b, self.tile, where, proj=(None, 1, 1))
        c_tile = cute.local_tile(c, self.tile, where, proj=(1, 1, None))
        alone = cute.make_layout(1)
        a_to, a_from = cpasync.tma_partition(a_copy, 0, alone, cute.group_modes(a_tiles, 0, 2),
                                             cute.group_modes(a_tile, 0, 2))
        b_to, b_from = cpasync.tma_partition(b_copy, 0, alone, cute.group_modes(b_tiles, 0, 2),
                                             cute.group_modes(b_tile, 0, 2))
        steps = cute.size(a_from, mode=[1])
        if warp == 4:
            cute.arch.setmaxregister_decrease(24)
            for step in cutlass.range(steps, unroll=1):
                empty = producer.acquire_and_advance()
                cute.copy(a_copy, a_from[(None, empty.count)], a_to[(None, empty.index)], tma_bar_ptr=empty.barrier)
                cute.copy(b_copy, b_from[(None, empty.count)], b_to[(None, empty.index)], tma_bar_ptr=empty.barrier)
            producer.tail()
        else:
            mine = mma.get_slice(thread)
            result = mine.partition_C(c_tile)
            left = mma.make_fragment_A(mine.partition_A(a_tiles))
            right = mma.make_fragment_B(mine.partition_B(b_tiles))
            total = cute.make_rmem_tensor(result.shape, cutlass.Float32)
            mma.set(warpgroup.Field.ACCUMULATE, False)
            for step in cutlass.range(steps, unroll=1):
                full = consumer.wait_and_advance()
                warpgroup.fence()
                for part in cutlass.range_constexpr(cute.size(left, mode=[2])):
                    at = (None, None, part, full.index)
                    cute.gemm(mma, total, left[at], right[at], total)
                    mma.set(warpgroup.Field.ACCUMULATE, True)
                warpgroup.commit_group()
                warpgroup.wait_group(0)
                full.release()
            cute.autovec_copy(total, result)


class BlackwellGemm:
    """Warp 0 fetches, warp 1 issues the products of one or two blocks, all four write what tensor memory holds."""

    def __init__(self, element, tile, stages, blocks):
        self.element, self.tile, self.stages, self.blocks = element, tile, stages, blocks

    @cute.jit
    def __call__(self, a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
        group = tcgen05.CtaGroup.TWO if self.blocks == 2 else tcgen05.CtaGroup.ONE
        major = OperandMajorMode.K
        mma = sm100.make_trivial_tiled_mma(self.element, major, major, cutlass.Float32, group, self.tile[:2])
        a_layout = sm100.make_smem_layout_a(mma, self.tile, self.element, self.stages)
        b_layout = sm100.make_smem_layout_b(mma, self.tile, self.element, self.stages)
        blocks = cute.tiled_divide(cute.make_layout((self.blocks, 1, 1)), (mma.thr_id,))
        fetch = cpasync.CopyBulkTensorTileG2SOp(group)
        a_copy, a_map = cute.nvgpu.make_tiled_tma_atom_A(fetch, a, cute.select(a_layout, mode=[0, 1, 2]), self.tile,
                                                         mma, blocks.shape)
        b_copy, b_map = cute.nvgpu.make_tiled_tma_atom_B(fetch, b, cute.select(b_layout, mode=[0, 1, 2]), self.tile,
                                                         mma, blocks.shape)
        self.kernel(mma, a_copy, a_map, b_copy, b_map, c, a_layout, b_layout, blocks).launch(
            grid=(c.shape[0] // self.tile[0] * self.blocks, c.shape[1] // self.tile[1], 1), block=(128, 1, 1),
            cluster=(self.blocks, 1, 1))

    @cute.kernel
    def kernel(self, mma: cute.TiledMma, a_copy: cute.CopyAtom, a: cute.Tensor, b_copy: cute.CopyAtom, b: cute.Tensor,
               c: cute.Tensor, a_layout: cute.ComposedLayout, b_layout: cute.ComposedLayout, blocks: cute.Layout):
        thread, _, _ = cute.arch.thread_idx()
        block_x, block_y, _ = cute.arch.block_idx()
        warp = cute.arch.make_warp_uniform(cute.arch.warp_idx())
        rank = cute.arch.make_warp_uniform(cute.arch.block_idx_in_cluster())
        leads = rank == 0

        @cute.struct
        class Shared:
            stages: cute.struct.MemRange[cutlass.Int64, self.stages * 2]
            sums: cute.struct.MemRange[cutlass.Int64, 2]
            before_dealloc: cutlass.Int64
            tensor_memory: cutlass.Int32

        allocator = memory.SmemAllocator()
        shared = allocator.allocate(Shared)
        a_tiles = allocator.allocate_tensor(self.element, a_layout.outer, 1024, swizzle=a_layout.inner)
        b_tiles = allocator.allocate_tensor(self.element, b_layout.outer, 1024, swizzle=b_layout.inner)
        stage_bytes = (cute.size_in_bytes(self.element, cute.select(a_layout, mode=[0, 1, 2])) +
                       cute.size_in_bytes(self.element, cute.select(b_layout, mode=[0, 1, 2])))
        producer, consumer = pipeline.PipelineTmaUmma.create(
            num_stages=self.stages, producer_group=ONE_THREAD(), consumer_group=ONE_THREAD(),
            tx_count=stage_bytes * self.blocks, barrier_storage=shared.stages.data_ptr(),
            cta_layout_vmnk=blocks).make_participants()
        sum_producer, sum_consumer = pipeline.PipelineUmmaAsync.create(
            num_stages=1, producer_group=ONE_THREAD(), consumer_group=ONE_THREAD(128 * self.blocks),
            barrier_storage=shared.sums.data_ptr(), cta_layout_vmnk=blocks).make_participants()

        where = (block_x // self.blocks, block_y, None)
        mine = mma.get_slice(rank)
        a_tile = mine.partition_A(cute.local_tile(a, self.tile, where, proj=(1, None, 1)))
        b_tile = mine.partition_B(cute.local_tile(b, self.tile, where, proj=(None, 1, 1)))
        c_tile = mine.partition_C(cute.local_tile(c, self.tile, where, proj=(1, 1, None)))
        alone = cute.make_layout(1)
        a_to, a_from = cpasync.tma_partition(a_copy, 0, alone, cute.group_modes(a_tiles, 0, 3),
                                             cute.group_modes(a_tile, 0, 3))
        b_to, b_from = cpasync.tma_partition(b_copy, 0, alone, cute.group_modes(b_tiles, 0, 3),
                                             cute.group_modes(b_tile, 0, 3))
        left, right = mma.make_fragment_A(a_tiles), mma.make_fragment_B(b_tiles)

        columns = memory.TmemAllocator(
            shared.tensor_memory.ptr, barrier_for_retrieve=pipeline.NamedBarrier(barrier_id=1, num_threads=128),
            is_two_cta=self.blocks == 2, two_cta_tmem_dealloc_mbar_ptr=shared.before_dealloc.ptr)
        columns.allocate(self.tile[1])
        columns.wait_for_alloc()
        address = columns.retrieve_ptr(cutlass.Float32)
        total = cute.make_tensor(address, mma.make_fragment_C(mma.partition_shape_C(self.tile[:2])).layout)

        steps = cute.size(a_from, mode=[1])
        if warp == 0:
            for step in cutlass.range(steps, unroll=1):
                empty = producer.acquire_and_advance()
                cute.copy(a_copy, a_from[(None, empty.count)], a_to[(None, empty.index)], tma_bar_ptr=empty.barrier)
                cute.copy(b_copy, b_from[(None, empty.count)], b_to[(None, empty.index)], tma_bar_ptr=empty.barrier)
            producer.tail()
        if warp == 1:
            if leads:
                sum_producer.acquire_and_advance()
                for step in cutlass.range(steps, unroll=1):
                    full = consumer.wait_and_advance()
                    for part in cutlass.range_constexpr(cute.size(left, mode=[2])):
                        at = (None, None, part, full.index)
                        cute.gemm(mma, total, left[at], right[at], total)
                        mma.set(tcgen05.Field.ACCUMULATE, True)
                    full.release()
                sum_producer.commit()
        columns.relinquish_alloc_permit()

        ready = sum_consumer.wait_and_advance()
        part_shape = ((cute.size(total, mode=[0, 0]), 16),)
        total_parts, c_parts = cute.zipped_divide(total, part_shape), cute.zipped_divide(c_tile, part_shape)
        load = tcgen05.make_tmem_copy(
            cute.make_copy_atom(tcgen05.Ld32x32bOp(tcgen05.Repetition.x16), cutlass.Float32), total_parts[None, 0])
        source = load.get_slice(thread).partition_S(total_parts)
        result = load.get_slice(thread).partition_D(c_parts)
        values = cute.make_rmem_tensor(result[None, None, 0].shape, cutlass.Float32)
        for i in cutlass.range(cute.size(source, mode=[2]), unroll=1):
            cute.copy(load, source[None, None, i], values)
            cute.arch.fence_view_async_tmem_load()
            cute.autovec_copy(values, result[None, None, i])
        ready.release()
        if warp == 1:
            if leads:
                sum_producer.tail()
        pipeline.sync(barrier_id=1)
        columns.free(address)


BF16, FP8 = cutlass.BFloat16, cutlass.Float8E4M3FN
KERNELS = {  # name, kernel, element, m, n, k
    "sm_90a": [("bf16_sm90", HopperGemm(BF16, (64, 64, 64), 3), BF16, 128, 128, 256),
               ("fp8_sm90", HopperGemm(FP8, (64, 64, 128), 3), FP8, 128, 128, 512)],
    "sm_100a": [("bf16_sm100", BlackwellGemm(BF16, (128, 64, 64), 3, 1), BF16, 256, 128, 256),
                ("fp8_sm100", BlackwellGemm(FP8, (128, 64, 128), 3, 1), FP8, 256, 128, 512),
                ("two_blocks_bf16_sm100", BlackwellGemm(BF16, (256, 64, 64), 3, 2), BF16, 512, 128, 256)],
}


def main(target):
    folder = pathlib.Path(__file__).parent / "testdata"
    matrix = lambda kind, *shape: make_fake_compact_tensor(kind, shape, stride_order=(1, 0), assumed_align=16)
    for name, gemm, element, m, n, k in KERNELS[target]:
        compiled = cute.compile(gemm, matrix(element, m, k), matrix(element, n, k), matrix(cutlass.Float32, m, n))
        ptx = compiled.__ptx__
        mangled = re.search(r"\.entry (\w+)\(", ptx)[1]
        threads = re.search(r"\.reqntid (\d+)", ptx)[1]
        tile, blocks = gemm.tile, getattr(gemm, "blocks", 1)
        shared = 1024 + gemm.stages * (tile[0] // blocks + tile[1] // blocks) * tile[2] * element.width // 8
        head = (f"// Made by CUTLASS's Python DSL {cutlass.__version__} from ../cute_kernels.py.\n"
                f"// threads {threads} shared {shared} cluster {blocks} tile {tile} m {m} n {n} k {k}\n")
        code = re.sub(r"(?m)^\s*//.*\n", "", ptx.replace(mangled, "gemm"))
        (folder / f"cute_{name}.ptx").write_text(head + code)
        print(f"{name}: {len(code)} bytes, {threads} threads, {shared} shared")


main(sys.argv[1])
