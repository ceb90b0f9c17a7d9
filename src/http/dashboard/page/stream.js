// The figures as they come. EventSource connects again by itself where a connection ends; what it
// gives up on, or what has fallen silent, is begun anew here.

// The server sends something every second.
const SILENCE = 6000;
const AGAIN = 3000;

/** Calls `arrived` with each snapshot, and `lost` when none come any more. */
export function follow(arrived, lost) {
  let source = null;
  let timer = null;

  const after = (time) => {
    clearTimeout(timer);
    timer = setTimeout(open, time);
  };

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  function open() {
    if (source !== null) lost();
    close();
    source = new EventSource("/events");
    source.addEventListener("snapshot", (event) => {
      after(SILENCE);
      arrived(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      lost();
      after(source?.readyState === EventSource.CLOSED ? AGAIN : SILENCE);
    });
    after(SILENCE);
  }

  // Whom nobody looks at needs no figures.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}
