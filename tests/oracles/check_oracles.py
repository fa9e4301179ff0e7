"""Each C++ oracle against its transcription, on random and adversarial inputs and on other members of the family.
usage: check_oracles.py RUN_ORACLE HOME"""
import sys

from harness import (all_axes, definition_of, expect_close, ml_dtypes, np, rounded, run_oracle, shape_of)
import transcriptions

PROGRAM, HOME = sys.argv[1:3]
random = np.random.default_rng(20261123)
EXACT = 1e-11   # both sides are double: what differs is the order of sums
FLOAT = 3e-6    # block products of the experts are float32


def unit_rows(shape):
    values = random.standard_normal(shape)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def as_double(tensors):
    return {name: values.astype(np.int64 if values.dtype.kind == "i" else np.float64) for name, values in tensors.items()}


def single(x):
    return float(np.float32(x))


# --- Gated DeltaNet ---

def gdn_tensors(definition, axes, with_state, gates):
    draw = {
        "q": unit_rows, "k": unit_rows, "v": random.standard_normal,
        "state": lambda s: random.standard_normal(s) * 0.1,
        "A_log": lambda s: random.uniform(0, 2.75, s),
        "a": lambda s: random.uniform(-gates, gates, s), "b": lambda s: random.uniform(-gates, gates, s),
        "dt_bias": lambda s: random.uniform(-6.9, -2.25, s),
    }
    tensors = {name: rounded(definition, name, make(shape_of(definition, axes, name))) for name, make in draw.items()}
    if not with_state:
        del tensors["state"]
    return tensors


def check_gdn(kind, member, axes, lengths=None, with_state=True, gates=3.0, scale=0.0):
    name = f"gdn_{kind}_qk4_v8_d128_k_last"
    definition = definition_of(HOME, "gdn", name, member)
    tensors = gdn_tensors(definition, axes, with_state, gates)
    if lengths is not None:
        tensors["cu_seqlens"] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    actual = run_oracle(PROGRAM, f"gdn_{kind}", definition, axes, tensors, {"scale": scale})
    expected = getattr(transcriptions, f"gdn_{kind}")(all_axes(definition, axes), scale=single(scale), **as_double(tensors))
    for output in ("output", "new_state"):
        expect_close(f"gdn_{kind} {member} {axes} {output}", actual[output], expected[output], EXACT)


def check_prefill(lengths, member, **options):
    axes = {"total_seq_len": sum(lengths), "num_seqs": len(lengths), "len_cu_seqlens": len(lengths) + 1}
    check_gdn("prefill", member, axes, lengths, **options)


def gdn_cases():
    small = {"head_size": 24}
    for member in ({}, small, {"num_q_heads": 2, "num_k_heads": 1, "num_v_heads": 6, **small},
                   {"num_q_heads": 8, "num_k_heads": 8, "num_v_heads": 16, **small}):
        check_gdn("decode", member, {"batch_size": 3})
        check_prefill([5, 1, 9], member)
    check_gdn("decode", small, {"batch_size": 2}, with_state=False, scale=0.3)
    check_gdn("decode", small, {"batch_size": 4}, gates=120.0)
    check_prefill([0, 7, 0, 1, 0], small)             # empty sequences: state zero, no output
    check_prefill([0, 3], small, with_state=False, scale=0.3)
    check_prefill([300], {"head_size": 16}, gates=1.0)
    check_prefill([33, 64, 65], small, gates=120.0)


# --- sparse attention ---

def check_attention(member, axes, indices, sm_scale=0.1352337788608801, magnitude=1.0):
    name = "dsa_sparse_attention_h16_ckv512_kpe64_topk2048_ps64"
    definition = definition_of(HOME, "dsa_paged", name, {"topk": indices.shape[1], **member})
    tensors = {name: rounded(definition, name, magnitude * random.standard_normal(shape_of(definition, axes, name)))
               for name in ("q_nope", "q_pe", "ckv_cache", "kpe_cache")}
    tensors["sparse_indices"] = indices.astype(np.int32)
    actual = run_oracle(PROGRAM, "dsa_sparse_attention", definition, axes, tensors, {"sm_scale": sm_scale})
    expected = transcriptions.dsa_sparse_attention(all_axes(definition, axes), sm_scale=single(sm_scale), **as_double(tensors))
    for output in ("output", "lse"):
        expect_close(f"attention {member} {axes} {output}", actual[output], expected[output], EXACT)


def padded(valid, topk, rows):
    indices = np.full((len(valid), topk), -1)
    for row, count in enumerate(valid):
        indices[row, :count] = random.permutation(rows)[:count]
    return indices


def attention_cases():
    axes = {"num_tokens": 4, "num_pages": 6}
    check_attention({}, axes, padded([40, 0, 1, 64], 64, 384))
    small = {"num_qo_heads": 3, "head_dim_ckv": 40, "head_dim_kpe": 8}
    check_attention(small, axes, padded([40, 0, 1, 33], 64, 384))
    check_attention({**small, "page_size": 1}, {"num_tokens": 3, "num_pages": 200}, padded([200, 7, 0], 256, 200))
    scattered = padded([64, 64, 64, 64], 64, 384)
    scattered[random.uniform(size=scattered.shape) < 0.5] = -1   # padding anywhere
    scattered[2] = -1
    check_attention(small, axes, scattered, sm_scale=0.0722)
    check_attention(small, axes, padded([64, 3, 2, 1], 64, 384), magnitude=60.0)
    check_attention(small, axes, padded([64, 3, 2, 1], 64, 384), magnitude=1e-3)
    check_attention(small, axes, np.full((4, 16), 5))            # one row many times


# --- top-k indexer ---

def decode_e4m3(codes):
    return codes.view(ml_dtypes.float8_e4m3fn).astype(np.float64)


def pack_keys(keys, scales, size):
    """[pages, size, dim] keys and [pages, size] scales as cache bytes: keys of a page, then its scales."""
    pages = len(keys)
    codes = keys.astype(ml_dtypes.float8_e4m3fn).view(np.uint8).reshape(pages, -1)
    factors = scales.astype(np.float32).view(np.uint8).reshape(pages, -1)
    return np.concatenate([codes, factors], axis=1).view(np.int8).reshape(pages, size, 1, -1)


def check_indexer(member, seq_lens, width, pages, tied=False):
    definition = definition_of(HOME, "dsa_paged", "dsa_topk_indexer_fp8_h64_d128_topk2048_ps64",
                               {"head_dim_with_scale": member.get("index_head_dim", 128) + 4, **member})
    axes = {"batch_size": len(seq_lens), "max_num_pages": width, "num_pages": pages}
    every = all_axes(definition, axes)
    size, dim, topk = every["page_size"], every["index_head_dim"], every["topk"]
    keys = np.clip(100 * random.standard_normal((pages, size, dim)), -448, 448)
    if tied:
        keys[:] = keys[0, 0]
    scales = np.full((pages, size), 0.01) if tied else random.uniform(1e-3, 1e-2, (pages, size))
    cache = pack_keys(keys, scales, size)
    table = np.stack([random.permutation(pages)[:width] for _ in seq_lens])
    used = {int(p) for row, length in zip(table, seq_lens) for p in row[:-(-length // size)]}
    for page in set(range(pages)) - used:
        cache[page] = 0x7F     # NaN keys and scales where nobody may look
    tensors = {"q_index_fp8": rounded(definition, "q_index_fp8", random.standard_normal((len(seq_lens), every["num_index_heads"], dim))),
               "k_index_cache_fp8": cache,
               "weights": random.standard_normal((len(seq_lens), every["num_index_heads"])).astype(np.float32),
               "seq_lens": np.array(seq_lens, np.int32), "block_table": table.astype(np.int32)}
    actual = run_oracle(PROGRAM, "dsa_topk_indexer", definition, axes, tensors, {})
    expected = transcriptions.indexer_scores(every, tensors["q_index_fp8"].astype(np.float64), cache,
                                             tensors["weights"].astype(np.float64), seq_lens, table, decode_e4m3)
    compare_rankings(f"indexer {member} {seq_lens}", actual, expected, topk)


def compare_rankings(what, actual, expected, topk):
    ranks = actual["topk_indices.ranks"].reshape(-1, 2)
    for row, (index, scores) in enumerate(expected):
        mine, ranks = ranks[:len(index)], ranks[len(index):]
        assert sorted(mine[:, 0]) == sorted(index), f"{what}: row {row} names other tokens"
        by_index = dict(zip(index, scores))
        expect_close(f"{what} scores of row {row}", mine[:, 1], np.array([by_index[int(i)] for i in mine[:, 0]]), EXACT)
        assert np.all(np.diff(mine[:, 1]) <= 0), f"{what}: row {row} is not sorted"
        slots = actual["topk_indices"][row]
        count = min(topk, len(index))
        assert np.array_equal(slots[:count], mine[:count, 0]) and np.all(slots[count:] == -1), f"{what}: row {row} slots"
        best = np.sort(scores)[::-1][:count]
        if count:
            expect_close(f"{what} best of row {row}", np.array([by_index[int(i)] for i in slots[:count]]), best, EXACT)
    assert len(ranks) == 0


def indexer_cases():
    check_indexer({"topk": 96}, [0, 1, 95, 96, 97, 200, 256], 4, 40)
    small = {"num_index_heads": 5, "index_head_dim": 16, "topk": 8}
    check_indexer(small, [300, 8, 7, 9, 0, 131], 5, 12)
    check_indexer({**small, "page_size": 1, "topk": 20}, [30, 0, 19, 20], 32, 50)
    check_indexer(small, [100, 3], 2, 9, tied=True)


# --- mixture of experts ---

def moe_definition(groups, kept_groups, topk, member):
    axes = {"hidden_size": 256, "intermediate_size": 128, "num_experts": 32, "num_local_experts": 8, **member}
    axes |= {"gemm1_out_size": 2 * axes["intermediate_size"], "num_hidden_blocks": axes["hidden_size"] // 128,
             "num_intermediate_blocks": axes["intermediate_size"] // 128,
             "num_gemm1_out_blocks": 2 * axes["intermediate_size"] // 128}
    return definition_of(HOME, "moe", "moe_fp8_block_scale_ds_routing_topk8_ng8_kg4_e32_h7168_i2048", axes,
                         f"moe_fp8_block_scale_ds_routing_topk{topk}_ng{groups}_kg{kept_groups}_e8")


def check_moe(seq_len, offset, groups=4, kept_groups=2, topk=4, member={}, logits=None, bias_size=0.2, magnitude=1.0):
    definition = moe_definition(groups, kept_groups, topk, member)
    axes = {"seq_len": seq_len}
    shape = lambda name: shape_of(definition, axes, name)
    tensors = {}
    for name in ("hidden_states", "gemm1_weights", "gemm2_weights"):
        tensors[name] = rounded(definition, name, random.standard_normal(shape(name)))
        tensors[f"{name}_scale"] = (magnitude * random.uniform(0.5, 2, shape(f"{name}_scale"))).astype(np.float32)
    tensors["routing_logits"] = (random.standard_normal(shape("routing_logits")) if logits is None else logits).astype(np.float32)
    tensors["routing_bias"] = rounded(definition, "routing_bias", bias_size * random.standard_normal(shape("routing_bias")))
    scalars = {"local_expert_offset": offset, "routed_scaling_factor": 2.5}
    actual = run_oracle(PROGRAM, "moe_fp8_block_scale", definition, axes, tensors, scalars)
    expected = transcriptions.moe_fp8_block_scale(all_axes(definition, axes), groups, kept_groups, topk, **as_double(tensors), **scalars)
    expect_close(f"moe {member} seq_len {seq_len}", actual["output"], expected["output"], FLOAT)
    return actual


def moe_cases():
    assert len(check_moe(13, 8)["undecided"]) == 0
    check_moe(1, 0)
    check_moe(40, 24, member={"hidden_size": 384, "intermediate_size": 256})
    check_moe(9, 64, groups=8, kept_groups=4, topk=8, member={"num_experts": 256, "num_local_experts": 32})
    check_moe(9, 0, groups=1, kept_groups=1, topk=6)
    check_moe(6, 8, bias_size=8.0)                       # the bias decides: weights must not know it
    check_moe(6, 8, magnitude=1e-4)
    check_moe(6, 8, magnitude=30.0)
    one = np.full((7, 32), -6.0) + 0.1 * random.standard_normal((7, 32))
    one[:, 9] = 6.0
    check_moe(7, 8, logits=one)
    check_moe(5, 8, logits=random.uniform(-90, 90, (5, 32)))
    away = random.standard_normal((5, 32))
    away[:, 8:16] = -30
    away[:, 24:] += 20
    assert not check_moe(5, 8, logits=away, bias_size=0)["output"].any()   # nobody local
    tied = np.zeros((3, 32))
    tied[1] = np.arange(32) / 8 - 2
    assert list(check_moe(3, 0, logits=tied, bias_size=0)["undecided"]) == [0, 2]


for cases in (gdn_cases, attention_cases, indexer_cases, moe_cases):
    cases()
    print(f"{cases.__name__}: agree")
