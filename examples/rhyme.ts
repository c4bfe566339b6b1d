/** The nursery rhyme "This Is the House That Jack Built": who comes in, and what that one did to the one before. */
const verses = [
  ["house", "Jack built"],
  ["malt", "lay in"],
  ["rat", "ate"],
  ["cat", "killed"],
  ["dog", "worried"],
  ["cow with the crumpled horn", "tossed"],
  ["maiden all forlorn", "milked"],
  ["man all tattered and torn", "kissed"],
  ["priest all shaven and shorn", "married"],
  ["cock that crowed in the morn", "woke"],
  ["farmer sowing his corn", "kept"],
] as const;

/** The rhyme, each verse with all that came before it. */
export const rhyme = verses.map((_, last) => `this is ${lines(last)}.\n`).join("");

/** From the one of this number back to the house. */
function lines(number: number): string {
  const [who, did] = verses[number] as (typeof verses)[number];
  return number === 0 ? `the ${who} that ${did}` : `the ${who} that ${did} ${lines(number - 1)}`;
}
