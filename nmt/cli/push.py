"""`nmt push`: the model of a run, with its card, to the Hugging Face hub or to a folder."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from nmt.cli.parsing import Parser, file_path


def run(arguments: list[str]) -> int:
    """Publishes the model; the exit code."""
    parser = Parser(prog="nmt push", description="Put the model of a run, with its card, on the Hugging Face hub.")
    parser.add_argument("run", type=file_path, help="folder of the run")
    parser.add_argument("name", nargs="?", help="user/name on the hub")
    parser.add_argument("--output", type=file_path, metavar="FOLDER", help="write to this folder what would be pushed")
    parser.add_argument("--private", action="store_true", help="a new repository is not for everybody")
    parser.add_argument("--license", metavar="NAME", help="licence of the model, as the hub names it, such as mit")
    options = parser.parse_intermixed_args(arguments)
    if not options.name and not options.output:
        raise ValueError("say where to: user/name on the hub, or --output FOLDER")
    from nmt.evaluation.card import model_card
    from nmt.model.hub import CARD, MODEL_FILES, foreign_files, model_folder, upload

    model = model_folder(options.run)
    if options.output and options.output.resolve() == model.resolve():
        raise ValueError(f"--output {options.output} is the model itself: give another folder")
    foreign = foreign_files(options.output) if options.output else []
    if foreign:
        raise ValueError(f"{foreign[0]} is not of an earlier `nmt push`, and would be lost: give another folder")
    text = model_card(options.run, options.name or options.run.resolve().name, options.license)
    with TemporaryDirectory() as temporary:
        folder = options.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (path for pattern in MODEL_FILES for path in folder.glob(pattern)):
            stale.unlink()
        for path in (path for pattern in MODEL_FILES for path in model.glob(pattern)):
            shutil.copyfile(path, folder / path.name)
        (folder / CARD).write_text(text, encoding="utf-8")
        print(folder if options.output else upload(folder, options.name, options.private))
    return 0
