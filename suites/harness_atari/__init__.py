"""Agents that act: Atari games under named protocols, CartPole, and a chain whose optimum is known."""
