package store

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// compound are the family names of two characters, in both scripts. A name of
// at least three that begins with one has it.
var compound = strings.Fields(`
欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 司徒 令狐 夏侯 长孙 長孫 宇文 轩辕 軒轅 独孤 獨孤 南宫 南宮
西门 西門 端木 百里 东郭 東郭 呼延 闻人 聞人 公羊 澹台 澹臺 公冶 宗政 濮阳 濮陽 淳于 单于 單于 太叔 申屠 赫连 赫連 钟离 鍾離 鲜于 鮮于
闾丘 閭丘 司空 亓官 司寇 颛孙 顓孫 巫马 巫馬 拓跋 谷梁 穀梁 段干 左丘 梁丘 东门 東門 第五 남궁 황보 제갈 선우 독고 사공 서문`)

// hideName leaves the family name of a name, and * for the rest:
//
//   - of a name that begins with a Han, Hangul or Kana character that character,
//     or a compound family name: 张*, 欧阳*, 김*;
//   - else of several words the last one before a comma, or the last of all, which
//     is where most of the world writes it: Novak *. Before a comma particles stay
//     with it: van der Berg *. A word that is not of letters (a number, an address,
//     initials) is no family name, and one of Han, Hangul or Kana is a name of its
//     own;
//   - else the first letter: M*.
//
// A name of one character is hidden whole.
func hideName(full string) string {
	full = strings.Join(strings.Fields(full), " ")
	runes := []rune(full)
	if len(runes) < 2 {
		return "*"
	}
	if ideographic(runes[0]) {
		if len(runes) > 2 && slices.Contains(compound, string(runes[:2])) {
			return string(runes[:2]) + "*"
		}
		return string(runes[0]) + "*"
	}
	words := strings.Fields(full)
	family := words[len(words)-1]
	if before, after, ok := strings.Cut(full, ","); ok && strings.TrimSpace(after) != "" {
		family = lastName(strings.Fields(before))
	}
	switch first, _ := utf8.DecodeRuneInString(family); {
	case family != full && ideographic(first):
		return hideName(family)
	case family != full && lettersOnly(family):
		return family + " *"
	case unicode.IsLetter(runes[0]):
		return string(runes[0]) + "*"
	}
	return "*"
}

// particles are the words that begin a family name of several.
var particles = strings.Fields("van von der den de del della di da das do dos du la le los las el al bin ibn ben st ter ten te zu zum zur af av vande vander 't")

// lastName is the last of words, with the particles before it where there is
// nothing else: a given name may stand before the family name.
func lastName(words []string) string {
	if len(words) == 0 {
		return ""
	}
	last := len(words) - 1
	for _, w := range words[:last] {
		if !slices.Contains(particles, strings.ToLower(w)) {
			return words[last]
		}
	}
	return strings.Join(words, " ")
}

// lettersOnly tells whether s may be a family name: at least two letters, and
// what joins them.
func lettersOnly(s string) bool {
	n := 0
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			n++
		case !unicode.IsMark(r) && !strings.ContainsRune(" '’-", r):
			return false
		}
	}
	return n >= 2
}

func ideographic(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana)
}

// hideMobile leaves the last four digits of a number of at least seven signs.
func hideMobile(number string) string {
	runes := []rune(strings.TrimSpace(number))
	if len(runes) < 7 {
		return "*"
	}
	return "*" + string(runes[len(runes)-4:])
}
