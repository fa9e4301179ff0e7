"""The contest's operators in NumPy float64, word by word from their definitions: slow, plain, and independent of the
C++ oracles that they are compared with. Arguments are float64 (or integer) arrays by the definition's names; `axes` holds
all axes; scalars are Python floats."""
import numpy as np


def softplus(x):
    return np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 20))))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gdn_token(S, q, k, v, A_log, a, dt_bias, b, scale):
    """One token of one value head; S is K x V. Returns the output and the new S."""
    g = np.exp(-np.exp(A_log) * softplus(a + dt_bias))
    beta = sigmoid(b)
    S1 = g * S
    old = k @ S1
    new = beta * v + (1 - beta) * old
    S2 = S1 - np.outer(k, old) + np.outer(k, new)
    return scale * (q @ S2), S2


def gdn_sequence(axes, q, k, v, state, A_log, a, dt_bias, b, scale):
    """Tokens in order; q, k [T, heads, D], v [T, v_heads, D], state [v_heads, V, K] or None."""
    heads, size = axes["num_v_heads"], axes["head_size"]
    output = np.zeros(v.shape)
    new_state = np.zeros((heads, size, size))
    for h in range(heads):
        qh = h // (heads // axes["num_q_heads"])
        kh = h // (heads // axes["num_k_heads"])
        S = np.zeros((size, size)) if state is None else state[h].T.copy()
        for t in range(len(v)):
            output[t, h], S = gdn_token(S, q[t, qh], k[t, kh], v[t, h], A_log[h], a[t, h], dt_bias[h], b[t, h], scale)
        new_state[h] = S.T
    return output, new_state


def default_scale(axes, scale):
    return scale if scale else 1 / np.sqrt(axes["head_size"])


def gdn_decode(axes, q, k, v, A_log, a, dt_bias, b, scale=None, state=None):
    scale = default_scale(axes, scale)
    rows = [gdn_sequence(axes, q[n], k[n], v[n], None if state is None else state[n], A_log, a[n], dt_bias, b[n], scale)
            for n in range(axes["batch_size"])]
    return {"output": np.stack([r[0] for r in rows]), "new_state": np.stack([r[1] for r in rows])}


def gdn_prefill(axes, q, k, v, A_log, a, dt_bias, b, cu_seqlens, scale=None, state=None):
    scale = default_scale(axes, scale)
    size = axes["head_size"]
    output = np.zeros(v.shape)
    new_state = np.zeros((axes["num_seqs"], axes["num_v_heads"], size, size))
    for n in range(axes["num_seqs"]):
        first, last = int(cu_seqlens[n]), int(cu_seqlens[n + 1])
        if first == last:
            continue  # new_state stays zero, whatever the sequence's state
        part = slice(first, last)
        output[part], new_state[n] = gdn_sequence(axes, q[part], k[part], v[part], None if state is None else state[n],
                                                  A_log, a[part], dt_bias, b[part], scale)
    return {"output": output, "new_state": new_state}


def dsa_sparse_attention(axes, q_nope, q_pe, ckv_cache, kpe_cache, sparse_indices, sm_scale):
    ckv = ckv_cache.reshape(-1, axes["head_dim_ckv"])
    kpe = kpe_cache.reshape(-1, axes["head_dim_kpe"])
    output = np.zeros(q_nope.shape)
    lse = np.full(q_nope.shape[:2], -np.inf)
    for t in range(axes["num_tokens"]):
        valid = sparse_indices[t][sparse_indices[t] != -1]
        if len(valid) == 0:
            continue
        logits = (q_nope[t] @ ckv[valid].T + q_pe[t] @ kpe[valid].T) * sm_scale
        top = logits.max(axis=1, keepdims=True)
        exps = np.exp(logits - top)
        lse[t] = (top[:, 0] + np.log(exps.sum(axis=1))) / np.log(2)
        output[t] = (exps / exps.sum(axis=1, keepdims=True)) @ ckv[valid]
    return {"output": output, "lse": lse}


def indexer_scores(axes, q, cache_bytes, weights, seq_lens, block_table, decode_e4m3):
    """Per row: the token indices in the cache and their scores, in the sequence's order."""
    size, dim = axes["page_size"], axes["index_head_dim"]
    pages = cache_bytes.reshape(axes["num_pages"], size * (dim + 4)).view(np.uint8)
    rows = []
    for n in range(axes["batch_size"]):
        index, scores = [], []
        for token in range(int(seq_lens[n])):
            page = int(block_table[n, token // size])
            offset = token % size
            key = decode_e4m3(pages[page, offset * dim:(offset + 1) * dim])
            at = size * dim + offset * 4
            scale = float(pages[page, at:at + 4].copy().view(np.float32)[0])
            scores.append(float(weights[n] @ np.maximum(q[n] @ (key * scale), 0)))
            index.append(page * size + offset)
        rows.append((np.array(index, dtype=np.int64), np.array(scores)))
    return rows


def moe_route(logits, bias, groups, kept_groups, topk, scaling):
    """[experts] weights of one token, 0 where an expert is not chosen."""
    s = sigmoid(logits)
    biased = s + bias
    by_group = biased.reshape(groups, -1)
    group_scores = np.sort(by_group, axis=1)[:, -2:].sum(axis=1)
    kept = np.argsort(-group_scores, kind="stable")[:kept_groups]
    masked = np.full(by_group.shape, -np.inf)
    masked[kept] = by_group[kept]
    chosen = np.argsort(-masked.reshape(-1), kind="stable")[:topk]
    weights = np.zeros(len(s))
    weights[chosen] = s[chosen] / (s[chosen].sum() + 1e-20) * scaling
    return weights


def moe_fp8_block_scale(axes, groups, kept_groups, topk, routing_logits, routing_bias, hidden_states, hidden_states_scale,
                        gemm1_weights, gemm1_weights_scale, gemm2_weights, gemm2_weights_scale, local_expert_offset,
                        routed_scaling_factor):
    block = axes["hidden_size"] // axes["num_hidden_blocks"]
    spread = lambda scales, axis: np.repeat(scales, block, axis=axis)
    x = hidden_states * spread(hidden_states_scale.T, 1)
    inter = axes["intermediate_size"]
    output = np.zeros(hidden_states.shape)
    weights = np.stack([moe_route(logits, routing_bias, groups, kept_groups, topk, routed_scaling_factor)
                        for logits in routing_logits])
    for e in range(axes["num_local_experts"]):
        w13 = gemm1_weights[e] * spread(spread(gemm1_weights_scale[e], 0), 1)
        w2 = gemm2_weights[e] * spread(spread(gemm2_weights_scale[e], 0), 1)
        g = x @ w13.T
        up, gate = g[:, :inter], g[:, inter:]
        with np.errstate(over="ignore"):
            c = gate * sigmoid(gate) * up
        output += weights[:, [e + int(local_expert_offset)]] * (c @ w2.T)
    return {"output": output}
