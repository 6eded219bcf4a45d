"""Learners for trainers that own the training loop. Each module is imported by name: ``lrfinder.trainers.lightning``.

All are used alike, before the trainer's own ``fit``, ``train`` or ``run``::

    learner = LightningLearner(module, trainer, loader)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000)
    learner.set_rate(suggestion)
    trainer.fit(module, loader)
"""
