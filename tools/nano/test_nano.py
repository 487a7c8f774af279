"""python -m unittest test_nano: quick checks that need no trained weights and no synthesiser."""
import random
import unittest

import numpy as np
import torch

import words
from dataset import FRAMES, targets
from evaluate import align, said
from features import log_mel, padded
from model import PAD, WORD, Voxtral, local_attention
from tokenizer import Tokenizer

TOKENIZER = Tokenizer()


class Sentences(unittest.TestCase):
    def test_training_and_evaluation_sentences_never_meet(self):
        r = random.Random(0)
        training = {words.training_sentence(r) for _ in range(50000)}
        evaluation = {words.evaluation_sentence(r) for _ in range(2000)}
        self.assertFalse(training & evaluation)
        self.assertFalse(any(map(words.is_held_out, training)))
        self.assertTrue(all(map(words.is_held_out, evaluation)))

    def test_sentences_keep_to_the_vocabulary(self):
        r = random.Random(1)
        self.assertLessEqual({w for _ in range(20000) for w in words.draw(r).split()}, set(words.WORDS))


class Targets(unittest.TestCase):
    def test_a_word_is_said_delay_frames_after_its_end(self):
        ids = targets([("hello", .1, .50)], 6, TOKENIZER, FRAMES)          # ends in frame 6
        tokens = TOKENIZER.encode(" hello")
        self.assertEqual(ids[12:13 + len(tokens)].tolist(), [WORD] + tokens)
        self.assertEqual(set(ids[:12]) | set(ids[13 + len(tokens):]), {PAD})

    def test_a_word_that_must_wait_follows_without_the_word_token(self):
        ids = targets([("temperature", 0, .5), ("on", .5, .55)], 6, TOKENIZER, FRAMES)
        first, second = TOKENIZER.encode(" temperature"), TOKENIZER.encode(" on")
        self.assertEqual([i for i in ids if i != PAD], [WORD] + first + second)

    def test_words_come_back_from_ids(self):
        ids = targets([("turn", 0, .3), ("on", .3, .5), ("temperature", .5, 1.2)], 3, TOKENIZER, FRAMES)
        self.assertEqual([w for w, _ in said(ids.tolist(), TOKENIZER)], ["turn", "on", "temperature"])


class Tokens(unittest.TestCase):
    def test_every_word_survives(self):
        for word in words.WORDS:
            ids = TOKENIZER.encode(" " + word)
            self.assertEqual(TOKENIZER.decode(ids), " " + word)
            self.assertLess(max(ids), 4096)


class Model(unittest.TestCase):
    def test_blockwise_attention_equals_a_mask(self):
        torch.manual_seed(0)
        q, k, v = torch.randn(3, 2, 4, 448, 64)
        age = torch.arange(448)[:, None] - torch.arange(448)[None]
        mask = (age >= 0) & (age < 100)
        whole = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        torch.testing.assert_close(local_attention(q, k, v, 100), whole, atol=1e-5, rtol=1e-4)

    def test_step_by_step_equals_one_pass(self):
        torch.manual_seed(0)
        model = Voxtral()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=.05)
        mel = log_mel(padded([np.random.default_rng(0).normal(0, .1, 4 * 16000).astype(np.float32)], 6))
        ids = model.generate(mel, 6)
        inputs = torch.cat([torch.tensor([[1] + [PAD] * 38]), ids[:, :-1]], 1)
        with torch.no_grad():
            _, audio = model.listen(mel)
            hidden = model.decode(audio + model.embedding.tok_embeddings(inputs), model.time_condition(torch.tensor([6])))
            again = model.logits(hidden)[:, 38:].argmax(-1)
        self.assertGreater((again == ids).float().mean(), .99)


class Scoring(unittest.TestCase):
    def test_alignment_counts_and_pairs(self):
        distance, pairs = align("a b c d".split(), "a x c d e".split())
        self.assertEqual((distance, pairs), (2, [(3, 3), (2, 2), (0, 0)]))


if __name__ == "__main__":
    unittest.main()
