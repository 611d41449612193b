/** The Python that runs LiteDRAM: `pip install -r rtl/bench/requirements.txt`. */
export const pythonWithLitedram = process.env.PLUSMINUS_LITEDRAM_PYTHON ?? 'python3';
