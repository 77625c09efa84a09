"""Learning from what people did with recommendations.

meaning    what a bought, liked or swapped gift says of the others of its slate
heard      what one person's reaction to one recommendation teaches; its file
gathering  from the stores of feedback and of recommendations to what was heard
"""
