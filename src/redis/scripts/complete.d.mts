export function scriptNames(folder?: URL): string[];
export function scriptText(name: string, folder?: URL): string;
export function scriptTexts(folder?: URL): Record<string, string>;
