"""Figures of all rounds, their medians, and the table of them."""

import json
import statistics

from . import rows

_JUDGED = "zstdfs"


class Results:
    def __init__(self, machine, targets):
        self.machine, self.targets = machine, targets
        self._values = {}  # (target, row) → figures, one or more a round

    def add(self, target, row, value):
        self._values.setdefault((target, row), []).append(value)

    def load(self, text):
        """Takes over what to_json of earlier runs on this machine holds."""
        for row, figures in json.loads(text)["figures"].items():
            for target, figure in figures.items():
                self._values.setdefault((target, row), []).extend(figure["all"])
                if target not in self.targets:
                    self.targets.append(target)

    def medians(self):
        return {key: max(values) if rows.ALL[key[1]].combine == "max" else statistics.median(values) for key, values in self._values.items()}

    def to_json(self):
        medians = self.medians()
        figures = {
            row: {target: {"median": medians[target, row], "all": self._values[target, row]} for target in self.targets if (target, row) in medians}
            for row in rows.ALL if any((target, row) in medians for target in self.targets)
        }
        return json.dumps({"machine": self.machine, "figures": figures, "short": self.short()}, indent=1, ensure_ascii=False) + "\n"

    def short(self):
        """Rows that do not reach their goal, with the factor that they are away from it, worst first."""
        medians, found = self.medians(), {}
        for name, row in rows.ALL.items():
            value, limit = medians.get((_JUDGED, name)), row.limit(medians) if row.limit else None
            if value is None or limit is None:
                continue
            factor = (limit / value if value else float("inf")) if row.at_least else value / limit
            if factor > 1:
                found[name] = factor
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def table(self):
        """Markdown: a row a figure, a column a target; in brackets the ratio to the bare folder."""
        medians, short = self.medians(), self.short()
        text = "".join(f"- {name}: {words}\n" for name, words in self.machine.items()) + "\n"
        table = [["", *self.targets, "to reach", ""]]
        for name, row in rows.ALL.items():
            cells = [_cell(row, medians.get((target, name)), medians.get(("bare", name)), target) for target in self.targets]
            if any(cells):
                judged = (_JUDGED, name) in medians and row.limit and row.limit(medians) is not None
                verdict = f"short: {short[name]:.2f} ×" if name in short else "reached" if judged else ""
                table.append([row.words, *cells, row.goal, verdict])
        widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
        table.insert(1, ["-" * width for width in widths])
        return text + "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in table) + "\n"


def _cell(row, value, bare, target):
    if value is None:
        return ""
    text = row.text(value)
    return f"{text} ({value / bare:.2f} ×)" if bare and target != "bare" and row.unit in ("s", "bytes") else text
