// What the pages of gifts can do better with a script; page.js does the rest. All by delegation,
// since the part of the page that is listened to comes and goes.

const slider = (field) => [field.querySelector("[type=range]"), field.querySelector("[type=number]")];

// The slider and the number beside it say the same; the number is what is sent.
document.addEventListener("input", (event) => {
  const field = event.target.closest?.("[data-slider]");
  if (!field) return;
  const [range, number] = slider(field);
  if (event.target === range) number.value = range.value;
  else if (event.target === number && number.value) range.value = number.value;
});

// A sentence is sent by Enter; a line break takes Shift.
document.addEventListener("keydown", (event) => {
  const plain = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  if (!plain || !event.target.matches?.("[data-enter]")) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

document.addEventListener("click", async (event) => {
  if (event.target.closest?.("[data-print]")) {
    event.preventDefault();
    print();
    return;
  }
  const copy = event.target.closest?.("[data-copy]");
  if (!copy) return;
  const field = document.getElementById(copy.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value);
    copy.textContent = copy.dataset.done;
  } catch { // not allowed here: whoever wants it copies what is marked
    field.select();
  }
}, true);

// A link is worth sharing only with the name of this server.
function whole() {
  for (const field of document.querySelectorAll("[data-share]")) {
    if (field.value.startsWith("/")) field.value = location.origin + field.value;
  }
}

new MutationObserver(whole).observe(document.body, { childList: true, subtree: false });
whole();
