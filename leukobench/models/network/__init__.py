"""Fine-tuned networks: scikit-learn classifiers that read pixels."""
