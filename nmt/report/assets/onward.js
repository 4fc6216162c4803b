/* The way from an alternative to a translation that takes it: the command, copied. */

const BYTE = /^<0x([0-9A-F]{2})>$/;

/** The text that tokens of the model read as, as `nmt.data.surfaces` has it. */
function textOfTokens(tokens) {
  const bytes = tokens.flatMap((token) => {
    const [, byte] = BYTE.exec(token) ?? [];
    const piece = token.startsWith("##") && token.length > 2 ? token.slice(2) : token;
    return byte ? [parseInt(byte, 16)] : [...new TextEncoder().encode(piece.replaceAll("▁", " "))];
  });
  return new TextDecoder().decode(new Uint8Array(bytes)).trimStart();
}

/** Text as one word of a shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The command that translates the sentence again, by the same search, from the beginning that has `label` at `step`. */
function onwardCommand({ source }, { tokens }, step, label) {
  const prefix = textOfTokens([...tokens.slice(0, step), label]);
  const flags = state.evaluation.search_flags.map((flag) => ` ${/^[\w.,-]+$/.test(flag) ? flag : quoted(flag)}`).join("");
  return `nmt translate ${quoted(REPORT.run.folder)} ${quoted(source.text)} --prefix ${quoted(prefix)}${flags}`;
}

/** A button that copies it, and shows it too, for a browser that lets no page copy; nothing where it would not go on from
 *  there: at the end of a sentence, a token that stands for others, or what another run has written. `place` is that
 *  among the alternatives. */
function copyButton(step, label, place) {
  const { sentence, shown } = view;
  if (shown === "baseline" || /^<(pad|unk|s|\/s)>$/.test(label)) return null;
  const copy = ({ target }) => {
    const command = onwardCommand(sentence, sentence[shown], step, label);
    const told = el("pre", { class: "onward" }, command);
    stepPanel.querySelector(".onward")?.remove();
    stepPanel.append(told);
    navigator.clipboard?.writeText(command).then(() => (target.textContent = "copied"), () => {});
  };
  return button("copy", copy, { class: "copy", focus: `copy-${step}-${place}`, title: `Copy the command that translates on from “${visible(label)}”` });
}
