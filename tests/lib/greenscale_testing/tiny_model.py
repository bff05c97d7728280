"""A model of random weights, made in an instant: what it says is nonsense, how it says it is real."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, HIDDEN, LAYERS = 32, 2, 64, 1

CONTEXT_TOKENS = 32_768
"""Enough for an answer that goes on while a test kills its server."""

SPECIAL = ["<unk>", "<s>", "</s>"]

CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def write(path: Path, *, seed: int = 1) -> None:
    """Write a GGUF file of llama's architecture with a token for each byte."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    vocabulary = _add_tokenizer(writer)
    _add_weights(writer, vocabulary, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter) -> int:
    letters = [*" abcdefghijklmnopqrstuvwxyz", "\u2581"]
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(letters)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([int(kind) for kind in types])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_vocab_size(len(tokens))
    writer.add_chat_template(CHAT_TEMPLATE)
    return len(tokens)


def _add_weights(writer: gguf.GGUFWriter, vocabulary: int, random: np.random.Generator) -> None:
    def weights(*shape: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        return random.normal(0, 0.5, shape).astype(np.float32)

    output = weights(vocabulary, WIDTH)
    output[: len(SPECIAL) + 256] = 0  # it speaks in letters, and never ends by itself
    writer.add_tensor("token_embd.weight", weights(vocabulary, WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{at}.{name}.weight", np.ones(WIDTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{at}.{name}.weight", weights(WIDTH, WIDTH))
        writer.add_tensor(f"{at}.ffn_gate.weight", weights(HIDDEN, WIDTH))
        writer.add_tensor(f"{at}.ffn_up.weight", weights(HIDDEN, WIDTH))
        writer.add_tensor(f"{at}.ffn_down.weight", weights(WIDTH, HIDDEN))
