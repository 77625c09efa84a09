"""From what a shopper says, in a sentence or in options, to the wish that the agent is asked with.

from_sentence, all_from_sentence   "my sister turns 30, loves pottery, about 60 euros"
from_words                         options of a command line, a form or a request
Heard                              the wish, what it was read from, what had to be assumed
"""

from giftrec.asking.heard import Heard, all_from_sentence, from_sentence, from_words
from giftrec.asking.options import Options, options_of

__all__ = ["Heard", "Options", "all_from_sentence", "from_sentence", "from_words", "options_of"]
