"""Advantage actor-critic: a cart learns to balance a pole, from falling over.

    python examples/a2c.py             # trains; the pole stands for 500 steps in the end
    python examples/a2c.py --resume --epochs 60

Sixteen carts run at once. Source of the method: Mnih et al., "Asynchronous Methods for Deep
Reinforcement Learning" (2016), with the advantages of Schulman et al., "High-Dimensional Continuous
Control Using Generalized Advantage Estimation" (2016). The cart is ours, by the equations of motion
of Barto, Sutton and Anderson (1983).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import experiment
import weft
import weft.nn.functional as F
from weft import nn
from weft.distributions import Categorical


class Carts:
    """Poles on carts: push each to the left (0) or to the right (1), 50 times a second.

    An episode ends when its pole leans more than 12 degrees, its cart leaves the track, or after
    500 steps; the next begins at once. The reward is 1 a step.

    Args:
        count: carts.
        seed: of the places where episodes begin.
    """

    GRAVITY, CART_KG, POLE_KG, HALF_POLE_M, PUSH_N, STEP_S = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
    EDGE_M, LEAN = 2.4, np.radians(12)
    LONGEST = 500

    def __init__(self, count: int, seed: int = 0) -> None:
        self.seed, self.steps = seed, 0
        self.ages = np.zeros(count, np.int64)
        self.states = self._starts()  # (count, 4): place, speed, lean, speed of leaning

    def observe(self) -> weft.Tensor:
        """Return what is seen of the carts, (count, 4) float32."""
        return weft.from_numpy(self.states.astype(np.float32))

    def step(self, pushes: np.ndarray[Any, Any]) -> tuple[Any, Any, list[int]]:
        """Push, and return who fell, who ran out of time, and how long ended episodes were."""
        _, speed, lean, turn = self.states.T
        force = np.where(pushes == 1, self.PUSH_N, -self.PUSH_N)
        sine, cosine = np.sin(lean), np.cos(lean)
        mass = self.CART_KG + self.POLE_KG
        moment = self.POLE_KG * self.HALF_POLE_M
        pull = (force + moment * turn**2 * sine) / mass
        turning = (self.GRAVITY * sine - cosine * pull) / (
            self.HALF_POLE_M * (4 / 3 - self.POLE_KG * cosine**2 / mass)
        )
        moving = pull - moment * turning * cosine / mass
        change = np.stack([speed, moving, turn, turning], axis=1)
        self.states = self.states + self.STEP_S * change
        self.ages += 1
        self.steps += 1
        fell = (np.abs(self.states[:, 0]) > self.EDGE_M) | (np.abs(self.states[:, 2]) > self.LEAN)
        late = (self.ages >= self.LONGEST) & ~fell
        return fell, late, self.ages[fell | late].tolist()

    def begin_anew(self, which: np.ndarray[Any, Any]) -> None:
        """Put the carts in ``which`` to the start of an episode."""
        self.states = np.where(which[:, None], self._starts(), self.states)
        self.ages = np.where(which, 0, self.ages)

    def _starts(self) -> np.ndarray[Any, Any]:
        # Drawn from the seed and the step, so that the state below is all there is to save.
        return np.random.default_rng([self.seed, self.steps]).uniform(
            -0.05, 0.05, (len(self.ages), 4)
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on from here."""
        return {
            "states": weft.tensor(self.states),
            "ages": weft.tensor(self.ages),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""
        self.states, self.ages = state["states"].numpy().copy(), state["ages"].numpy().copy()
        self.steps = int(state["steps"])


class ActorCritic(nn.Module):
    """Two networks: what to do, and how much reward is to come."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()

        def network(outputs: int) -> nn.Module:
            return nn.Sequential(
                *(nn.Linear(4, width), nn.Tanh()),
                *(nn.Linear(width, width), nn.Tanh()),
                nn.Linear(width, outputs),
            )

        self.actor, self.critic = network(2), network(1)

    def forward(self, seen: weft.Tensor) -> tuple[Categorical, weft.Tensor]:
        """Return a distribution over actions, and the value, for (..., 4)."""
        return Categorical(logits=self.actor(seen)), self.critic(seen).squeeze(-1)


class Stretch:
    """What happened in some steps of all carts, and how much better it was than expected."""

    def __init__(self, discount: float = 0.99, decay: float = 0.95) -> None:
        self.discount, self.decay = discount, decay
        self.seen: list[weft.Tensor] = []
        self.actions: list[weft.Tensor] = []
        self.values: list[Any] = []
        self.rewards: list[Any] = []
        self.ends: list[Any] = []
        self.lengths: list[int] = []

    def gather(self, carts: Carts, model: ActorCritic, steps: int) -> Stretch:
        """Let the model steer for some steps."""
        with weft.no_grad():
            for _ in range(steps):
                seen = carts.observe()
                policy, value = model(seen)
                action = policy.sample()
                fell, late, lengths = carts.step(action.numpy())
                reward = np.ones(len(fell), np.float32)
                if late.any():  # more reward would have come: it is put in as expected
                    reward += late * self.discount * model(carts.observe())[1].numpy()
                self.seen.append(seen)
                self.actions.append(action)
                self.values.append(value.numpy())
                self.rewards.append(reward)
                self.ends.append(fell | late)
                self.lengths += lengths
                carts.begin_anew(fell | late)
            self.values.append(model(carts.observe())[1].numpy())
        return self

    def advantages(self) -> np.ndarray[Any, Any]:
        """Return by how much each step was better than its value: (steps, carts)."""
        found = np.zeros_like(np.stack(self.rewards))
        ahead = np.zeros_like(found[0])
        for at in reversed(range(len(found))):
            goes_on = ~self.ends[at]
            surprise = self.rewards[at] + self.discount * goes_on * self.values[at + 1]
            ahead = surprise - self.values[at] + self.discount * self.decay * goes_on * ahead
            found[at] = ahead
        return found


def main() -> None:
    """Train; an epoch is 50 stretches of 16 steps."""
    options = experiment.command_line(
        __doc__,
        epochs=40,
        batch_size=16,
        lr=3e-3,
        more=(
            ("--stretches", int, 50, "updates an epoch"),
            ("--steps", int, 16, "steps of each cart between updates"),
            ("--entropy", float, 0.005, "weight of not being sure, which keeps it trying"),
        ),
    )
    weft.manual_seed(options.seed)
    carts = Carts(options.batch_size, options.seed)
    model = ActorCritic()
    optimizer = weft.optim.Adam(model.parameters(), lr=options.lr)
    scheduler = weft.optim.lr_scheduler.LinearLR(
        optimizer, 1.0, 0.1, total_iters=options.epochs * options.stretches
    )
    run = experiment.Run(
        weft, options, model=model, optimizer=optimizer, scheduler=scheduler, carts=carts
    )

    for _ in run.epochs():
        for _ in run.steps(range(options.stretches - run.done)):
            stretch = Stretch().gather(carts, model, options.steps)
            advantages = weft.from_numpy(stretch.advantages())
            policy, values = model(weft.stack(stretch.seen))
            chosen = policy.log_prob(weft.stack(stretch.actions))
            scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
            returns = advantages + weft.from_numpy(np.stack(stretch.values[:-1]))
            loss = (
                -(scaled * chosen).mean()
                + 0.5 * F.smooth_l1_loss(values, returns)
                - options.entropy * policy.entropy().mean()
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            scheduler.step()
            ended = stretch.lengths
            run.note(loss=loss.item(), ended=len(ended), lasted=sum(ended))
        # of this epoch, also where it was resumed in the middle
        episodes, steps = (
            int(sum(run.history(name)[1][-options.stretches :])) for name in ("ended", "lasted")
        )
        if episodes:
            run.note_epoch(mean_length=steps / episodes, episodes=episodes)
    run.finish("mean_length")


if __name__ == "__main__":
    experiment.program(main)
