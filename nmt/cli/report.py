"""`nmt report`: the evaluations of a run to one HTML file."""

from pathlib import Path

from nmt.cli.parsing import Parser


def run(arguments: list[str]) -> int:
    """Writes the report; the exit code."""
    parser = Parser("nmt report", "One offline HTML file of all that was evaluated.")
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: reports/<name of the run>")
    options = parser.parse_args(arguments)
    from nmt.report.build import build_report

    print(build_report(options.run, options.output or Path("reports") / options.run.resolve().name))
    return 0
