/** Names of several parts, such as SPIFFE ids: where there is too little room they end a line after a part, not within. */
export function Breakable({ text }: { readonly text: string }) {
  return (
    <>
      {text.split("/").map((part, index) => (
        <span key={index}>
          {index > 0 && (
            <>
              /<wbr />
            </>
          )}
          {part}
        </span>
      ))}
    </>
  );
}
