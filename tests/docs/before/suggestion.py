import lrfinder
from lrfinder.demo import digits_learner

finder = lrfinder.LRFinder(digits_learner())
