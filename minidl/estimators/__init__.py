"""scikit-learn's interface: a multi-layer perceptron as a classifier and as a regressor.

Start reading at parameters.py and network.py (what `fit` does), then classifier.py, regressor.py,
and pool.py: fits side by side, as those of a grid search. They train in memory, by the same Trainer
and the same compiled code as a run.
"""

from minidl.estimators.classifier import MinidlClassifier
from minidl.estimators.pool import lanes
from minidl.estimators.regressor import MinidlRegressor

__all__ = ["MinidlClassifier", "MinidlRegressor", "lanes"]
