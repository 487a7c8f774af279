"""Muon: momentum, orthogonalised by Newton-Schulz; each process works on its share of the matrices."""
import torch
import torch.distributed as dist


def orthogonalise(gradient, steps=4):
    x = gradient.bfloat16()
    x = x / (x.norm() + 1e-7)
    if tall := x.shape[0] > x.shape[1]:
        x = x.T
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.T if tall else x).float()


class Muon:
    def __init__(self, matrices, rate, momentum=.95, decay=.01):
        self.matrices, self.rate, self.momentum, self.decay = matrices, rate, momentum, decay
        self.momenta = [torch.zeros_like(p) for p in matrices]
        self.updates = torch.zeros(sum(p.numel() for p in matrices))
        world, self.rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
        cost, load = [min(p.shape) ** 2 * max(p.shape) for p in matrices], [0] * world
        self.owner = [0] * len(matrices)
        for i in sorted(range(len(matrices)), key=lambda i: -cost[i]):
            self.owner[i] = load.index(min(load))
            load[self.owner[i]] += cost[i]

    @torch.no_grad()
    def step(self, scale):
        """One step at `scale` times the rate; gradients must be the same in every process."""
        self.updates.zero_()
        views = self.updates.split([p.numel() for p in self.matrices])
        for p, momentum, view, owner in zip(self.matrices, self.momenta, views, self.owner):
            momentum.lerp_(p.grad, 1 - self.momentum)
            if owner == self.rank:
                view.copy_(orthogonalise(p.grad.lerp(momentum, self.momentum)).flatten())
        if dist.is_initialized():
            dist.all_reduce(self.updates)
        for p, view in zip(self.matrices, views):
            p.mul_(1 - self.rate * scale * self.decay)
            p.add_(view.view_as(p), alpha=-self.rate * scale * max(1, p.shape[0] / p.shape[1]) ** .5)

    def state_dict(self):
        return self.momenta

    def load_state_dict(self, momenta):
        for mine, theirs in zip(self.momenta, momenta):
            mine.copy_(theirs)
