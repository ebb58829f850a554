"""What is said about a whole video, made from what was said about its scenes.

``notes`` are what the writer reads, ``reading`` makes sentences and chapters of what it wrote,
``desk`` condenses many notes to few, and ``synthesizer`` knows what a video still lacks.
"""

from toolkit.synthesis.synthesizer import Synthesizer

__all__ = ["Synthesizer"]
