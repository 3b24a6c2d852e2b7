"""What is called while a model is trained, with Keras' names: EarlyStopping, ModelCheckpoint, and one's own `Callback`."""

from ..system import suggest_names
from .callback import Callback, CallbackList, History, LambdaCallback
from .each_epoch import CSVLogger, LearningRateScheduler, TerminateOnNaN
from .monitors import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from .progress import ProgressBar

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]

suggest_names(
    globals(), otherwise="write it as a subclass of Callback, with the hooks of Keras: on_epoch_end(self, epoch, logs), ..."
)
