package googleadssim

import (
	"strings"

	"argo/tables/market"
)

// messages lists the JSON names of all fields of the resources that can be
// mutated, from the published descriptors of v25: what is not among them is an
// unknown name; what is, but not modelled here, is answered with 501.
var messages = map[market.Kind]map[string]bool{
	market.KindCampaign: set(`resourceName id name primaryStatus primaryStatusReasons status servingStatus biddingStrategySystemStatus
		adServingOptimizationStatus advertisingChannelType advertisingChannelSubType trackingUrlTemplate urlCustomParameters
		localServicesCampaignSettings travelCampaignSettings demandGenCampaignSettings videoCampaignSettings pmaxCampaignSettings
		realTimeBiddingSetting networkSettings hotelSetting dynamicSearchAdsSetting shoppingSetting targetingSetting audienceSetting
		geoTargetTypeSetting localCampaignSetting appCampaignSetting labels experimentType baseCampaign campaignBudget
		biddingStrategyType accessibleBiddingStrategy campaignGroup startDateTime endDateTime finalUrlSuffix frequencyCaps vanityPharma
		selectiveOptimization optimizationGoalSetting trackingSetting paymentMode optimizationScore excludedParentAssetFieldTypes
		excludedParentAssetSetTypes performanceMaxUpgrade hotelPropertyAssetSet listingType assetAutomationSettings keywordMatchType
		brandGuidelinesEnabled brandGuidelines textGuidelines thirdPartyIntegrationPartners aiMaxSetting containsEuPoliticalAdvertising
		feedTypes viewThroughConversionOptimizationEnabled missingEuPoliticalAdvertisingDeclaration acaMigrationDateTime
		broadMatchMigrationDateTime biddingStrategy commission manualCpa manualCpc manualCpm manualCpv maximizeConversions
		maximizeConversionValue targetCpa targetImpressionShare targetRoas targetSpend percentCpc targetCpm fixedCpm targetCpv targetCpc`),
	market.KindBudget: set(`resourceName id name amountMicros totalAmountMicros status deliveryMethod explicitlyShared referenceCount
		hasRecommendedBudget recommendedBudgetAmountMicros period recommendedBudgetEstimatedChangeWeeklyClicks
		recommendedBudgetEstimatedChangeWeeklyCostMicros recommendedBudgetEstimatedChangeWeeklyInteractions
		recommendedBudgetEstimatedChangeWeeklyViews type alignedBiddingStrategyId`),
	market.KindAdGroup: set(`resourceName id name status type adRotationMode baseAdGroup trackingUrlTemplate urlCustomParameters campaign
		cpcBidMicros effectiveCpcBidMicros cpmBidMicros targetCpaMicros cpvBidMicros targetCpmMicros targetRoas percentCpcBidMicros
		fixedCpmMicros targetCpvMicros targetCpcMicros optimizedTargetingEnabled excludeDemographicExpansion displayCustomBidDimension
		finalUrlSuffix targetingSetting audienceSetting effectiveTargetCpaMicros effectiveTargetCpaSource effectiveTargetRoas
		effectiveTargetRoasSource effectiveTargetCpc effectiveTargetCpcSource labels excludedParentAssetFieldTypes
		excludedParentAssetSetTypes primaryStatus primaryStatusReasons demandGenAdGroupSettings videoAdGroupSettings aiMaxAdGroupSetting
		verticalAdsFormatSetting`),
	market.KindAd: set(`resourceName status adGroup ad startDateTime endDateTime policySummary adStrength actionItems labels primaryStatus
		primaryStatusReasons adGroupAdAssetAutomationSettings`),
	market.KindKeyword: set(`resourceName criterionId displayName status qualityInfo adGroup type negative systemServingStatus
		approvalStatus disapprovalReasons labels bidModifier cpcBidMicros cpmBidMicros cpvBidMicros percentCpcBidMicros
		effectiveCpcBidMicros effectiveCpmBidMicros effectiveCpvBidMicros effectivePercentCpcBidMicros effectiveCpcBidSource
		effectiveCpmBidSource effectiveCpvBidSource effectivePercentCpcBidSource positionEstimates finalUrls finalMobileUrls
		finalUrlSuffix trackingUrlTemplate urlCustomParameters primaryStatus primaryStatusReasons keyword placement mobileAppCategory
		mobileApplication listingGroup ageRange gender incomeRange parentalStatus userList youtubeVideo youtubeChannel topic
		userInterest webpage appPaymentModel customAffinity customIntent customAudience combinedAudience audience location language
		lifeEvent videoLineup extendedDemographic brandList verticalAdsItemGroupRuleList retailFilterBundle entityBid`),
}

// nested lists the fields of the messages inside them that are modelled.
var nested = map[string]map[string]bool{
	"manualCpc":               set("enhancedCpcEnabled"),
	"maximizeConversions":     set("targetCpaMicros cpcBidFloorMicros cpcBidCeilingMicros"),
	"maximizeConversionValue": set("targetRoas cpcBidFloorMicros cpcBidCeilingMicros targetRoasTolerancePercentMillis"),
	"targetSpend":             set("targetSpendMicros cpcBidCeilingMicros"),
	"networkSettings":         set("targetGoogleSearch targetSearchNetwork targetContentNetwork targetPartnerSearchNetwork targetYoutube targetGoogleTvNetwork"),
	"keyword":                 set("text matchType"),
	"ad": set(`resourceName id finalUrls finalAppUrls finalMobileUrls trackingUrlTemplate finalUrlSuffix urlCustomParameters displayUrl
		type addedByGoogleAds devicePreference urlCollections name systemManagedResourceSource syntheticContentInfo textAd expandedTextAd
		expandedDynamicSearchAd hotelAd shoppingSmartAd shoppingProductAd imageAd videoAd videoResponsiveAd responsiveSearchAd
		legacyResponsiveDisplayAd appAd legacyAppInstallAd responsiveDisplayAd localAd displayUploadAd appEngagementAd
		shoppingComparisonListingAd smartCampaignAd appPreRegistrationAd demandGenMultiAssetAd demandGenCarouselAd
		demandGenVideoResponsiveAd demandGenProductAd travelAd`),
	"ad.responsiveSearchAd": set("headlines descriptions path1 path2"),
}

// readOnly are fields that only the API sets.
var readOnly = set(`id primaryStatus primaryStatusReasons servingStatus biddingStrategySystemStatus referenceCount hasRecommendedBudget
	recommendedBudgetAmountMicros effectiveCpcBidMicros policySummary adStrength systemServingStatus approvalStatus disapprovalReasons
	qualityInfo positionEstimates criterionId displayName optimizationScore labels biddingStrategyType experimentType baseCampaign`)

// immutable are fields that a creation sets for good.
var immutable = map[market.Kind]map[string]bool{
	market.KindCampaign: set("advertisingChannelType advertisingChannelSubType"),
	market.KindBudget:   set("period type"),
	market.KindAdGroup:  set("campaign type"),
	market.KindAd:       set("ad adGroup"),
	market.KindKeyword:  set("keyword adGroup negative"),
}

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// otherOperations are those of googleAds:mutate that are not modelled.
var otherOperations = set(`adGroupAdLabelOperation adGroupAssetOperation adGroupBidModifierOperation adGroupCriterionCustomizerOperation
	adGroupCriterionLabelOperation adGroupCustomizerOperation adGroupLabelOperation adOperation adParameterOperation assetOperation
	assetGroupAssetOperation assetGroupListingGroupFilterOperation assetGroupSignalOperation assetGroupOperation assetSetAssetOperation
	assetSetOperation audienceOperation biddingDataExclusionOperation biddingSeasonalityAdjustmentOperation biddingStrategyOperation
	bookCampaignsOperation campaignAssetOperation campaignAssetSetOperation campaignBidModifierOperation campaignConversionGoalOperation
	campaignCriterionOperation campaignCustomizerOperation campaignDraftOperation campaignGroupOperation campaignLabelOperation
	campaignSharedSetOperation conversionActionOperation conversionCustomVariableOperation conversionGoalCampaignConfigOperation
	conversionValueRuleOperation conversionValueRuleSetOperation customConversionGoalOperation customerAssetOperation
	customerConversionGoalOperation customerCustomizerOperation customerLabelOperation customerNegativeCriterionOperation
	customerOperation customizerAttributeOperation experimentOperation experimentArmOperation keywordPlanAdGroupOperation
	keywordPlanAdGroupKeywordOperation keywordPlanCampaignKeywordOperation keywordPlanCampaignOperation keywordPlanOperation
	labelOperation quoteCampaignsOperation recommendationSubscriptionOperation remarketingActionOperation sharedCriterionOperation
	sharedSetOperation smartCampaignSettingOperation userListOperation`)
