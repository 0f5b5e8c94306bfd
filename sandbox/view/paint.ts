import { styleText } from 'node:util';

export type Colour = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** Colours a text, or does not. */
export type Paint = (colour: Colour, text: string) => string;

export function paintFor(colours: boolean): Paint {
  return (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text);
}
