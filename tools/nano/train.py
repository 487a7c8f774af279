"""Trains the nano model on the shards of a folder.  Two processes of one thread each: see train.sh.

The learning rate warms up, stays, and falls linearly to nothing over the last --decay steps.  All of it counts steps,
so a stopped process (kill -STOP) loses nothing.  A file STOP_SOON in the output folder, which holds a number of
minutes, begins the fall at once and spreads it over about that time.  checkpoint.pt holds everything needed to go on
(--resume, with the same --steps, --decay and --peak); --init starts a new training from weights: a checkpoint or
consolidated.safetensors.
"""
import argparse
import os
import random
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file

from dataset import FRAMES, RATE, Segments, WORD_CLASS
from features import FRAME
from model import Voxtral
from muon import Muon
from tokenizer import CONTROL, Tokenizer
from voices import PHONES

RANK, WORLD = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
MUON_RATE, ADAM_RATE, FLOOR = .02, 3e-3, .01
LOG_EVERY, SAVE_EVERY = 20, 100


class Trainee(torch.nn.Module):
    """The model and two auxiliary heads, which are not exported: phones per encoder frame, words per audio embedding."""

    def __init__(self):
        super().__init__()
        self.model = Voxtral()
        self.phones = torch.nn.Linear(self.model.c.encoder_dim, len(PHONES))
        self.words = torch.nn.Linear(self.model.c.dim, 1 + len(WORD_CLASS))

    def forward(self, batch, phone_weight):
        """Loss, and the figures to log: token, phone and word loss, share of text tokens that are right."""
        mel, inputs, ids, counts, phone_labels, word_labels, delay = batch
        with torch.autocast("cpu", torch.bfloat16):
            frames, audio = self.model.listen(mel)
            hidden = self.model.decode(audio + self.model.embedding.tok_embeddings(inputs), self.model.time_condition(delay))
            logits, phones, words = self.model.logits(hidden[counts]), self.phones(frames), self.words(audio)
        logits, ids = logits.float(), ids[counts]
        token_loss = F.cross_entropy(logits, ids)
        phone_loss = F.cross_entropy(phones.float().flatten(0, 1), phone_labels.flatten())
        word_loss = F.cross_entropy(words.float().flatten(0, 1), word_labels.flatten())
        small_logits = 1e-4 * logits.logsumexp(-1).pow(2).mean()
        text = ids >= CONTROL
        right = (logits.argmax(-1) == ids)[text].float().mean()
        loss = token_loss + word_loss + phone_weight * phone_loss + small_logits
        return loss, torch.stack([token_loss, phone_loss, word_loss, right]).detach()


def confuse(inputs, share=.06):
    """Replaces a few past text tokens by others, so that the decoder learns to go on after a mistake."""
    wrong = (torch.rand(inputs.shape) < share) & (inputs >= CONTROL)
    others = inputs[inputs >= CONTROL]
    if len(others):
        inputs = torch.where(wrong, others[torch.randint(0, len(others), inputs.shape)], inputs)
    return inputs


class Schedule:
    """Share of the peak learning rate at a step: warm-up, plateau, linear fall."""

    def __init__(self, steps, warmup, decay, peak):
        self.steps, self.warmup, self.decay, self.peak = steps, warmup, decay, peak

    def __call__(self, step):
        return self.peak * min(1, (step + 1) / self.warmup, max(FLOOR, (self.steps - step) / self.decay))

    def stop_within(self, steps, now):
        """Falls from the present rate; may be said again when the pace has changed."""
        self.peak, self.steps, self.decay = self(now), now + steps, steps


def shared_gradients(parameters, flat):
    """Averages all gradients over the processes, through one flat buffer."""
    views = flat.split([p.numel() for p in parameters])
    for p, view in zip(parameters, views):
        view.copy_(p.grad.flatten())
    if WORLD > 1:
        dist.all_reduce(flat)
        flat /= WORLD
    for p, view in zip(parameters, views):
        p.grad.copy_(view.view_as(p))


def stop_signal(out, seconds_a_step):
    """Steps to go, if the file STOP_SOON is there; every process gets rank 0's answer."""
    steps = torch.zeros(1)
    file = out / "STOP_SOON"
    if RANK == 0 and file.exists():
        steps[0] = max(20, float(file.read_text().strip() or 10) * 60 / seconds_a_step)
        file.unlink()
    if WORLD > 1:
        dist.broadcast(steps, 0)
    return int(steps)


def load_weights(trainee, path):
    if path.suffix == ".pt":
        trainee.load_state_dict(torch.load(path)["trainee"])
    else:
        file = path / "consolidated.safetensors" if path.is_dir() else path
        trainee.model.load_state_dict({k: v.float() for k, v in load_file(file).items()})


def train(args):
    torch.manual_seed(args.seed)
    trainee = Trainee()
    if args.init:
        load_weights(trainee, args.init)
    is_matrix = lambda n, p: p.dim() == 2 and n.startswith("model.") and "tok_embeddings" not in n and "t_cond" not in n
    matrices = [p for n, p in trainee.named_parameters() if is_matrix(n, p)]
    others = [p for n, p in trainee.named_parameters() if not is_matrix(n, p)]
    muon, adam = Muon(matrices, MUON_RATE), torch.optim.AdamW(others, ADAM_RATE, (.9, .98), weight_decay=0., fused=True)
    schedule, step, hours = Schedule(args.steps, args.warmup, args.decay, args.peak), 0, 0.
    if args.resume:
        state = torch.load(args.out / "checkpoint.pt")
        for part, name in ((trainee, "trainee"), (muon, "muon"), (adam, "adam")):
            part.load_state_dict(state[name])
        step, hours = state["step"], state["hours"]
    segments = Segments(args.data, Tokenizer(), seed=(args.seed * 1000003 + step) * WORLD + RANK)
    random.seed(RANK + step), torch.manual_seed(RANK + step)
    parameters = list(trainee.parameters())
    flat = torch.zeros(sum(p.numel() for p in parameters))
    figures, began, first = None, time.time(), step
    if RANK == 0:
        print(f"{segments.shards.hours:.1f} hours in {len(segments.shards.shards)} shards", flush=True)

    def save():
        torch.save(dict(trainee=trainee.state_dict(), muon=muon.state_dict(), adam=adam.state_dict(), step=step,
                        hours=hours), args.out / "checkpoint.tmp")
        (args.out / "checkpoint.tmp").rename(args.out / "checkpoint.pt")

    while step < schedule.steps:
        scale = schedule(step)
        batch = list(segments.batch(args.batch))
        if random.random() < .5:
            batch[1] = confuse(batch[1])
        loss, now = trainee(batch, args.phone_weight)
        loss.backward()
        shared_gradients(parameters, flat)
        torch.nn.utils.clip_grad_norm_(others, 1.)
        for group in adam.param_groups:
            group["lr"] = ADAM_RATE * scale
        adam.step(), muon.step(scale)
        trainee.zero_grad(set_to_none=False)
        step, hours = step + 1, hours + WORLD * args.batch * FRAMES * FRAME / RATE / 3600
        figures = now if figures is None else figures.lerp(now, .05)
        if step % LOG_EVERY == 0:
            pace = (time.time() - began) / (step - first)
            if left := stop_signal(args.out, pace):
                schedule.stop_within(left, step)
            if RANK == 0:
                print(f"step {step}/{schedule.steps} rate {scale:.3f} token {figures[0]:.4f} phone {figures[1]:.4f} "
                      f"word {figures[2]:.4f} right {figures[3]:.3f} | {pace:.2f} s/step {hours:.1f} h", flush=True)
        if RANK == 0 and step % SAVE_EVERY == 0:
            save()
    if RANK == 0:
        save()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("data", type=Path, help="folder of shards")
    p.add_argument("out", type=Path, help="folder for the checkpoint")
    p.add_argument("--init", type=Path, help="start from these weights: a folder, .safetensors or .pt")
    p.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    p.add_argument("--steps", type=int, default=6000)
    p.add_argument("--warmup", type=int, default=60)
    p.add_argument("--decay", type=int, default=3000, help="last steps, over which the learning rate falls")
    p.add_argument("--peak", type=float, default=1., help="share of the full learning rate")
    p.add_argument("--batch", type=int, default=8, help="segments of 9 s per process and step")
    p.add_argument("--phone-weight", type=float, default=.5)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    if WORLD > 1:
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{os.environ.get('PORT', 29517)}",
                                rank=RANK, world_size=WORLD)
    train(args)


if __name__ == "__main__":
    main()
