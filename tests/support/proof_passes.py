"""The feeds of all kinds, and which of them may have batches in any container."""

import proof_feeds
from proof_samplers import IN_THE_SAME_MEMORY, WITH_LISTS

FEEDS_OF_ALL_KINDS = proof_feeds.ALL | WITH_LISTS | IN_THE_SAME_MEMORY
WITHOUT_WORKERS = proof_feeds.FEEDS | WITH_LISTS | IN_THE_SAME_MEMORY
IN_PAIRS = {
    "generator function",
    "stateful loader",
    "loader of an own class",
    *proof_feeds.WITH_WORKERS,
    *IN_THE_SAME_MEMORY,
}
