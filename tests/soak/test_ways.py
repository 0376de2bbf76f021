"""However many processes, and whoever else runs in the same folder: the same records."""


def test_one_job_and_two_processes_on_one_folder(start, reference, result, tmp_path):
    runs = [start(tmp_path / "run", "--jobs", 1) for _ in range(2)]
    for run in runs:
        code, text = run.wait()
        assert code == 0, text
    assert result(tmp_path / "run") == result(reference)
