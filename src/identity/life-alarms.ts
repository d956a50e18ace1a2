/** Parts of a certificate's life by which it should long have been renewed: each is worth an alarm. */
export const LIFE_ALARMS = [0.7, 0.85, 0.95] as const;
