"""`nmt export`: the model of a run as ONNX files."""

from pathlib import Path

from nmt.cli.parsing import Parser, file_path


def run(arguments: list[str]) -> int:
    """Writes the files; the exit code."""
    parser = Parser(prog="nmt export", description="The model as ONNX: its encoder, and one step of its decoder.")
    parser.add_argument("run", type=file_path, help="folder of the run, or of a model, or user/name on the hub")
    parser.add_argument("--output", type=file_path, metavar="FOLDER", help="default: onnx/ in the folder of the run")
    options = parser.parse_args(arguments)
    from nmt.model.export import export_model
    from nmt.model.hub import model_folder

    model = model_folder(options.run)
    if not options.output and not options.run.is_dir():
        raise ValueError(f"{options.run} lies on the hub: say where the files go by --output FOLDER")
    folder = options.output or options.run / "onnx"
    lost = _foreign_files(folder)
    if lost:
        raise ValueError(f"{lost[0]} is not of an earlier `nmt export`, and would be lost: give another folder")
    export_model(model, folder)
    print(folder)
    return 0


def _foreign_files(folder: Path) -> list[Path]:
    """What the files of an export would replace, or not fit beside, where no export was before."""
    config = folder / "config.json"
    if config.is_file() and '"format": "onnx"' in config.read_text(encoding="utf-8", errors="replace"):
        return []
    return [path for pattern in ("*.safetensors", "config.json", "tokenizer*.json") for path in folder.glob(pattern)]
