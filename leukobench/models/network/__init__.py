"""Fine-tuned networks: scikit-learn classifiers that read pixels. Torch is imported when the first one is fitted."""

LENET = "lenet"  # the network that starts from chance; all others are backbones
LENET_SIDE = 64  # px that it makes of any crop: those that train are made so small before they are changed
