"""The catalogue's documents: what a product is like in detail, and what customers say about it."""

from __future__ import annotations

from typing import Any

from sandbox.story import Story


def product_documents(story: Story) -> list[dict[str, Any]]:
    return []


def reviews(story: Story) -> list[dict[str, Any]]:
    return []
