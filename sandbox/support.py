"""Support as the help desk sees it: tickets about some orders, what was said in them and how content people were.

A ticket is opened after what went wrong with its order, moves from new to closed, and may be rated once solved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.chance import Bools, Ints, chance, circle, pick, whole
from sandbox.delivery import promised
from sandbox.orders import Life, buyer, how_many_orders, life, order_ids
from sandbox.people import phone_of, registered, users
from sandbox.remarks import with_traces
from sandbox.story import DAY, HOUR, MINUTE, NEVER, Story
from sandbox.table import words

SECOND = 1_000_000
FIRST_TICKET = 1_000
AGENTS = 8
LEAKS = 0.125  # share of free texts with something personal
STATUSES = ("new", "open", "pending", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
CHANNELS = ("email", "web", "chat")
TOPICS = ("failed", "late", "returned", "other")
SUBJECTS = {
    "failed": ("My parcel never came", "Delivery failed", "Wo ist mein Paket?"),
    "late": ("Where is my order?", "Lieferung zu spät", "Commande en retard"),
    "returned": ("When do I get my money back?", "Rücksendung", "Devolución"),
    "other": ("Question about my order", "Change of address", "Problème avec la facture"),
}
OPENINGS = (
    "Hello, could you please look into this?",
    "I have been waiting for days and nobody answers.",
    "Guten Tag, bitte prüfen Sie meine Bestellung.",
    "Bonjour, pouvez-vous m'aider ?",
)
REPLIES = ("Thank you for your message, we are looking into it.", "We are sorry. Could you tell us more?")
ANSWERS = ("Sure, here are the details.", "It still has not changed.", "Danke, das hilft mir.")
CLOSINGS = ("This is settled now. Have a good day!", "We have sent you a confirmation.")
TAGS = {"failed": "delivery", "late": "delivery", "returned": "refund", "other": "question"}


@dataclass(frozen=True)
class Case:
    """Tickets opened before the story's moment, in order of opening; moments in microseconds, NEVER where not yet set.

    Attributes:
        steps: when each status is reached, one row a status.
    """

    number: Ints
    order: Ints
    user: Ints
    topic: Ints
    steps: Ints
    rated: Ints
    good: Bools


def cases(story: Story) -> Case:
    """Every ticket so far. Its number is its rank, so it never changes."""
    seed = story.seed
    order = np.arange(how_many_orders(story, story.now), dtype=np.int64)
    lived = life(story, order)
    topic, since = _trouble(story, order, lived)
    likely = np.array([0.5, 0.065, 0.2, 0.035])[topic]
    since = since + 20 * MINUTE + whole(seed, "ticket.after", 2 * DAY, order)
    there = (chance(seed, "ticket.opened", order) < likely) & (since < story.now)
    order, topic, since = order[there], topic[there], since[there]
    rank = np.lexsort((order, since))
    order, topic, since = order[rank], topic[rank], since[rank]
    opened = since + 10 * MINUTE + whole(seed, "ticket.first", 9 * HOUR, order)
    pending = opened + 5 * MINUTE + whole(seed, "ticket.asked", DAY, order)
    solved = pending + HOUR + whole(seed, "ticket.solved", 3 * DAY, order)
    closed = solved + 4 * DAY
    rated = np.where(chance(seed, "ticket.rated", order) < 0.4, solved + whole(seed, "ticket.when", DAY, order), NEVER)
    good = chance(seed, "ticket.good", order) < np.array([0.3, 0.55, 0.75, 0.9])[topic]
    user = buyer(story, order, life(story, order))
    number = FIRST_TICKET + np.arange(len(order), dtype=np.int64)
    return Case(number, order, user, topic, np.stack([since, opened, pending, solved, closed]), rated, good)


def tickets(story: Story) -> pl.DataFrame:
    """Every ticket as it is now, oldest change first.

    Columns: id, order_id (null for one in 25), subject, description, status, priority, requester_id, channel, address,
    name, user, topic, created, updated, generated (s).
    """
    case = cases(story)
    now, number = story.now, case.number
    steps = np.where(case.steps < now, case.steps, 0)
    status = (steps > 0).sum(axis=0) - 1
    rated = np.where(case.rated < now, case.rated, 0)
    updated = np.maximum(steps.max(axis=0), rated) // SECOND
    touched = updated + 1 + whole(story.seed, "ticket.system", 3_000, number)  # by the help desk itself
    silent = (circle(story.seed, "ticket.touched", number) < 0.02) & (touched * SECOND < now)
    channel = pick(story.seed, "ticket.channel", (5, 3, 2), number)
    ranked = pick(story.seed, "ticket.priority", (2, 5, 2, 1), number)
    unranked = chance(story.seed, "ticket.unranked", number) < 0.15
    person = _person(story, case.user)
    mailed = channel == 0
    frame = pl.DataFrame(
        {
            "id": number,
            "order_id": order_ids(case.order).set(pl.Series(circle(story.seed, "ticket.bare", number) < 0.04), None),
            "subject": _subject(story, case),
            "description": said(story, case, 0),
            "status": words(STATUSES, status),
            "priority": words(PRIORITIES, ranked).set(pl.Series(unranked), None),
            "requester_id": requester(case.user),
            "channel": words(CHANNELS, channel),
            "address": person["email"].set(pl.Series(~mailed), None),
            "name": person["name"].set(pl.Series(channel == 1), None),
            "user": case.user,
            "topic": words(TOPICS, case.topic),
            "created": case.steps[0] // SECOND,
            "updated": updated,
            "generated": np.where(silent, touched, updated),
        }
    )
    return frame.sort(["generated", "id"])


def ticket_events(story: Story) -> pl.DataFrame:
    """Everything that happened in tickets, oldest first.

    Columns: id, ticket_id, at (s), step (0 opened, 1 replied, 2 asked, 3 solved, 4 closed), comment_id, author, body
    (null where nothing was said).
    """
    case = cases(story)
    frames: list[pl.DataFrame] = []
    for step in range(5):
        body = said(story, case, step) if step < 4 else pl.Series([None] * len(case.number), dtype=pl.String)
        by_agent = step in (1, 3)
        author = agent(story, case.number) if by_agent else requester(case.user)
        frame = pl.DataFrame(
            {
                "id": case.number * 100 + step * 10,
                "ticket_id": case.number,
                "moment": case.steps[step],
                "step": np.full_like(case.number, step),
                "comment_id": case.number * 100 + step * 10 + 1,
                "author": author,
                "body": body,
            }
        )
        frames.append(frame.filter(pl.col("moment") < story.now))
    both = pl.concat(frames).with_columns(at=pl.col("moment") // SECOND).drop("moment")
    return both.sort(["at", "id"])


def ratings(story: Story) -> pl.DataFrame:
    """Satisfaction ratings, oldest change first: id, ticket_id, requester_id, score, comment, created, updated (s)."""
    case = cases(story)
    offered = case.steps[3]
    there = offered < story.now
    answered = case.rated < story.now
    score = np.where(answered, case.good.astype(np.int64), 2)
    spoke = answered & (chance(story.seed, "rating.spoke", case.number) < 0.3)
    person = _person(story, case.user)
    remark = words(("Took far too long.", "Great help, merci!"), case.good.astype(np.int64))
    comment = with_traces(story.seed, "rating", LEAKS, remark, person["email"], person["phone"], case.number)
    frame = pl.DataFrame(
        {
            "id": case.number * 10 + 7,
            "ticket_id": case.number,
            "requester_id": requester(case.user),
            "score": words(("bad", "good", "offered"), score),
            "comment": comment.set(pl.Series(~spoke), None),
            "created": offered // SECOND,
            "updated": np.where(answered, np.maximum(case.rated, offered), offered) // SECOND,
        }
    )
    return frame.filter(pl.Series(there)).sort(["updated", "id"])


def said(story: Story, case: Case, step: int) -> pl.Series:
    """What is said when a ticket is opened, replied to, asked about and solved."""
    texts = (OPENINGS, REPLIES, ANSWERS, CLOSINGS)[step]
    text = words(texts, whole(story.seed, f"ticket.said{step}", len(texts), case.number))
    if step in (1, 3):
        return text
    text = text + " Order " + order_ids(case.order) + "." if step == 0 else text
    person = _person(story, case.user)
    return with_traces(story.seed, f"ticket{step}", LEAKS, text, person["email"], person["phone"], case.number)


def requester(user: Ints) -> Ints:
    """The help desk's own number of a user."""
    return 5_000_000_000 + user + 1


def agent(story: Story, number: Ints) -> Ints:
    return 4_000_000_000 + whole(story.seed, "ticket.agent", AGENTS, number)


def _subject(story: Story, case: Case) -> pl.Series:
    every = [subject for topic in TOPICS for subject in SUBJECTS[topic]]
    return words(every, case.topic * 3 + whole(story.seed, "ticket.subject", 3, case.number))


def _trouble(story: Story, order: Ints, lived: Life) -> tuple[Ints, Ints]:
    """What an order's ticket would be about, and since when there is reason to complain.

    It does not depend on how far the story has got, so that a ticket never changes its subject or its number.
    """
    due = promised(story, order, lived).dt.replace_time_zone("Europe/Berlin", ambiguous="earliest")
    due = due.dt.convert_time_zone("UTC").dt.epoch("us").to_numpy()
    late = (lived.delivered < NEVER) & (lived.delivered > due)
    topic = np.select([lived.failed < NEVER, late, lived.returned < NEVER], [0, 1, 2], 3)
    since = np.select([topic == 0, topic == 1, topic == 2], [lived.failed, due, lived.returned], lived.placed.moment)
    return topic.astype(np.int64), since


def _person(story: Story, user: Ints) -> pl.DataFrame:
    told = users(story, np.arange(registered(story, story.now), dtype=np.int64), story.now)
    named = told.select("email", name="full_name")
    return pl.DataFrame({"user": user}).with_columns(named[user], phone=phone_of(story, user))
