"""Which images were called what: the most confident wrong answers, and the images that no model calls right."""

from collections import defaultdict

import numpy as np
import pandas as pd

KEPT = 6  # wrong answers of each model on each target


class Mistakes:
    """What models but controls answered to each image as deployed, where they know its class."""

    def __init__(self):
        self.votes = defaultdict(dict)  # test -> label -> answers so, one count per image
        self.asked, self.true = {}, {}  # test -> models asked, and the class, per image
        self.worst = defaultdict(list)  # (test, model) -> (minus confidence, image, train, seed, label, probabilities)

    def add(self, row, answers):
        """Take up one row of `cells.csv`.

        Parameters
        ----------
        row : dict
            With the columns that say which it is.
        answers : Answers
            As deployed, one per image of the target in the order of their hashes.
        """
        if row["family"] == "control" or row["contaminated"]:
            return
        test, labels = row["test"], answers.labels
        known = answers.true < answers.probabilities.shape[1]
        votes, n = self.votes[test], len(answers.true)
        self.true[test] = np.array(labels, object)[answers.true]
        self.asked[test] = self.asked.get(test, np.zeros(n, int)) + known
        for code in np.unique(answers.predicted[known]):
            called = known & (answers.predicted == code)
            votes[labels[code]] = votes.get(labels[code], np.zeros(n, int)) + called
        confidence = np.where(known & ~answers.hit, answers.probabilities.max(axis=1), 0)
        for image in np.argsort(-confidence, kind="stable")[:KEPT]:
            if confidence[image] > 0:
                said = dict(zip(labels, answers.probabilities[image].tolist(), strict=False))
                label = labels[answers.predicted[image]]
                place = -confidence[image], int(image), row["train"], row["seed"], label
                self.worst[test, row["model"]].append((*place, said))

    def join(self, other):
        """Take up those of another share of the records."""
        for test, asked in other.asked.items():
            self.true[test] = other.true[test]
            self.asked[test] = self.asked.get(test, 0) + asked
            for label, counts in other.votes[test].items():
                self.votes[test][label] = self.votes[test].get(label, 0) + counts
        for place, found in other.worst.items():
            self.worst[place] += found

    def tables(self, hashes):
        """The wrong answers, and the images on which all fail.

        Parameters
        ----------
        hashes : dict of str to ndarray of str
            Of each target the sha256 of its images, sorted.

        Returns
        -------
        worst : DataFrame
            `test`, `model`, `train`, `seed`, `sha256`, `true`, `predicted`, `confidence`, `probabilities` (a dict);
            for each target and model its most confident wrong answers, an image once.
        suspects : DataFrame
            `test`, `sha256`, `true`, `asked` (answers of models that know the class, none of them right), `predicted`
            (what it was called most often) and `votes` (how often); the most agreed first.
        """
        worst = [
            (test, model, train, seed, hashes[test][image], self.true[test][image], label, -confidence, said)
            for (test, model), found in sorted(self.worst.items())
            for confidence, image, train, seed, label, said in _once(found)
        ]
        columns = ["test", "model", "train", "seed", "sha256", "true", "predicted", "confidence", "probabilities"]
        suspects = [row for test in sorted(self.asked) for row in self._suspects(test, hashes[test])]
        names = ["test", "sha256", "true", "asked", "predicted", "votes"]
        table = pd.DataFrame(suspects, columns=names)
        return pd.DataFrame(worst, columns=columns), table.sort_values(
            ["test", "votes", "sha256"], ascending=[True, False, True], ignore_index=True
        )

    def _suspects(self, test, hashes):
        labels = sorted(self.votes[test])
        counts = np.array([self.votes[test][label] for label in labels])
        right = (counts * (np.array(labels, object)[:, None] == self.true[test])).sum(axis=0)
        for image in np.flatnonzero((right == 0) & (self.asked[test] > 1)):
            most = counts[:, image].argmax()
            yield (
                test,
                hashes[image],
                self.true[test][image],
                self.asked[test][image],
                labels[most],
                counts[most, image],
            )


def _once(found):
    """The most confident answers, of each image the first."""
    first = {}
    for each in sorted(found, key=lambda each: each[:4]):
        first.setdefault(each[1], each)
    return list(first.values())[:KEPT]
