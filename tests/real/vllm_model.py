"""Writes a small Llama with random weights, a tokenizer of its own and a chat template: OUT_FOLDER.

Nobody reads its answers; it makes a vLLM on two cores speak the real protocol and keep real counters.
"""
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 2048
words = "the of and to in is that it was for on with as at by from his her they we you are be this have not but had one all were when who will more".split()
text = [" ".join(words[(i * k) % len(words)] for i in range(200)) for k in range(1, 60)]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(
    text,
    trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    ),
)
wrapped = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", model_max_length=CONTEXT
)
wrapped.chat_template = "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
wrapped.save_pretrained(sys.argv[1])
torch.manual_seed(1)
shape = LlamaConfig(
    vocab_size=1024,
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=64,
    max_position_embeddings=CONTEXT,
    bos_token_id=1,
    eos_token_id=2,
    tie_word_embeddings=True,
)
LlamaForCausalLM(shape).to(torch.bfloat16).save_pretrained(sys.argv[1])
