// The chart is drawn by the server, to the measure of its place here.

let drawing = false;

/** Shows the newest chart; while one is on its way, no other is asked for. */
export async function showChart(place) {
  if (drawing) return;
  drawing = true;
  try {
    const scale = parseFloat(getComputedStyle(place).fontSize);
    const measure = { width: place.clientWidth, height: place.clientHeight, text: 0.75 * scale };
    const query = Object.entries(measure).map(([name, value]) => `${name}=${Math.round(value)}`);
    const answer = await fetch(`/chart.svg?${query.join("&")}`);
    if (!answer.ok) return;
    const drawn = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
    place.replaceChildren(document.importNode(drawn.documentElement, true));
  } catch {
    // The server is away, which the stream says better.
  } finally {
    drawing = false;
  }
}
