"""`nmt report`: the evaluations of a run to one HTML file."""

from pathlib import Path

from nmt.cli.parsing import Parser, file_path


def run(arguments: list[str]) -> int:
    """Writes the report; the exit code."""
    parser = Parser("nmt report", "One offline HTML file of all that was evaluated.")
    parser.add_argument("run", type=file_path, help="folder of the run")
    of_baseline = "run, or an evaluation within one, to compare it with"
    parser.add_argument("--baseline", type=file_path, action="append", default=[], metavar="RUN", help=of_baseline)
    parser.add_argument("--output", type=file_path, metavar="FOLDER", help="default: reports/<name of the run>")
    options = parser.parse_args(arguments)
    if len(options.baseline) > 1:
        parser.error("--baseline: a report has one; `nmt compare RUN RUN ...` sets several runs beside each other")
    from nmt.report.build import build_report

    output = options.output or Path("reports") / options.run.resolve().name
    print(build_report(options.run, output, *options.baseline))
    return 0
